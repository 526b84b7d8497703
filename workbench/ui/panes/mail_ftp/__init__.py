"""The Mail/FTP tab."""
