"""CAN: frames of a controller area network, followed and sent (SocketCAN)."""
