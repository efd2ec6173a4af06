"""``python -m pgward`` is the ``pgward`` command."""

from pgward.entry import main

if __name__ == "__main__":
    main()
