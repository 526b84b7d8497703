"""One request to a program, by CGI or by WSGI, without a server: what it is given and gives."""
