"""The rim where pgward meets the operating system: files, paths, processes, the terminal."""
