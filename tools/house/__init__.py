"""The measure of the house: sizes of files and functions, docstrings, import cycles, the order of the rooms.

    python -m tools.house            # each number with its limit; exit code 1 where one is beyond it
    python -m tools.house --report   # the same, exit code 0
    python -m tools.house --list     # and what is beyond, by name

Only the syntax of the files is read; nothing is imported.
"""
