"""Broken and hostile files against every reader: a reader answers with a result or a UserError, soon, in little memory.

`readers.py` lists the readers, one a line; `mutate.py` makes the files; `campaign.py` (`make fuzz`) tries thousands,
each in a process with limits; `test_slice.py` tries a few of each, always the same, in the fast tests.
"""
