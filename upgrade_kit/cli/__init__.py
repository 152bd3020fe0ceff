"""The command line. The only room that prints, exits, or reads arguments and the environment."""
