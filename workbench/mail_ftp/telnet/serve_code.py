"""serve telnet as a script of the standard library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.tls.serving.code import in_tls

if TYPE_CHECKING:
    from workbench.mail_ftp.telnet.serve import ServeTelnet

_PYTHON = """\
{imports}

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240


class Handler(socketserver.BaseRequestHandler):
    def typed(self):
        \"\"\"What is typed, options taken out; every option is refused.\"\"\"
        state, verb = "", 0
        while data := self.request.recv(65536):
            text = bytearray()
            for byte in data:
                if state == "iac":
                    state = "option" if byte in (DO, DONT, WILL, WONT) else ""
                    state = "sub" if byte == SB else state
                    verb = byte
                elif state == "option":
                    if verb in (DO, WILL):
                        refusal = WONT if verb == DO else DONT
                        self.request.sendall(bytes([IAC, refusal, byte]))
                    state = ""
                elif state == "sub":
                    state = "sub iac" if byte == IAC else state
                elif state == "sub iac":
                    state = "" if byte == SE else "sub"
                elif byte == IAC:
                    state = "iac"
                elif byte:
                    text.append(byte)
            yield bytes(text)

{handle}


class Server(socketserver.ThreadingMixIn, socketserver.{base}):
    allow_reuse_address = True
    daemon_threads = True
{more}

with Server({address}, Handler) as server:
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""
_SHELL = """\
    def handle(self):
        say = lambda text: self.request.sendall(text.encode())
        say("Welcome to the workbench. help shows what there is.\\r\\nworkbench> ")
        rest = b""
        for data in self.typed():
            data = (rest + data).replace(b"\\r\\n", b"\\n").replace(b"\\r", b"\\n")
            *lines, rest = data.split(b"\\n")
            for line in lines:
                command, _, text = line.decode("utf-8", "replace").strip().partition(" ")
                if command == "quit":
                    return say("bye\\r\\n")
                if command == "echo":
                    say(text + "\\r\\n")
                elif command:
                    say("help, echo TEXT, quit\\r\\n")
                say("workbench> ")"""
_EXEC = """\
    def handle(self):
        master, slave = pty.openpty()
        line = f"exec sh -c {shlex.quote(COMMAND)} <>{os.ttyname(slave)} >&0 2>&1"
        own = {"stdin": slave, "stdout": slave, "stderr": slave, "start_new_session": True}
        with subprocess.Popen(["/bin/sh", "-c", line], **own):
            os.close(slave)
            threading.Thread(target=self.show, args=(master,), daemon=True).start()
            for data in self.typed():
                os.write(master, data)
            os.close(master)

    def show(self, master):
        try:
            while data := os.read(master, 65536):
                self.request.sendall(data.replace(b"\\xff", b"\\xff\\xff"))
        except OSError:
            pass
        self.request.shutdown(socket.SHUT_RDWR)"""


def as_python(request: ServeTelnet) -> str:
    """A threading socketserver that refuses every option and edits no lines."""
    end = request.endpoint
    six = ":" in end.host and not end.is_unix
    imports = ["socketserver"]
    handle = _SHELL
    if request.exec:
        imports += ["os", "pty", "shlex", "socket", "subprocess", "threading"]
        handle = _EXEC.replace("COMMAND", repr(request.exec))
    if six:
        imports.append("socket")
    script = _PYTHON.format(
        imports="\n".join(f"import {one}" for one in sorted(set(imports))),
        handle=handle,
        base="UnixStreamServer" if end.is_unix else "TCPServer",
        more="    address_family = socket.AF_INET6\n" if six else "",
        address=repr(end.unix_address if end.is_unix else (end.host or "0.0.0.0", end.port)),
    )
    return in_tls(script, request)
