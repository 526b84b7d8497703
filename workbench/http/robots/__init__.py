"""robots.txt: what it says, by RFC 9309 and by urllib.robotparser."""
