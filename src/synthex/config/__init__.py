"""The composition root: ``conf/`` found, composed and checked, and objects made of what it says."""
