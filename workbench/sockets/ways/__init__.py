"""The ways of serving compared: `job` runs them, `load` asks them, `cost` is what they take."""
