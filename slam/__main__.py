"""``python -m slam`` is the command ``slam``."""

from slam.cli import main

if __name__ == "__main__":
    main()
