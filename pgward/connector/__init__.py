"""The process beside databases that makes access roles on them, and tells the CA what they hold."""
