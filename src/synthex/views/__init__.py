"""Pictures and words about data: what is understood of files, and what training will see."""
