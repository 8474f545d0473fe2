"""The checker that the tests run every annotated function through."""

from beartype import BeartypeConf, beartype

# An int is welcome where a float is annotated, as everywhere in Python (PEP 484).
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
