"""A line of fixed delay and rate, where there is no netem: ``python -I -S delayed_line.py A B SECONDS BITS``.

Makes two TUN devices of these names, says ``ready``, and carries each packet from one to the other: it waits until
the line is free (BITS a second), and then as long as the way takes (SECONDS). Where too much waits, a packet is
dropped, as a router does. Whoever starts it moves the devices into namespaces. It ends when its input does.

The kernel hands over up to 64 KB of a connection as one packet (segmentation is left to the device), so that some
ten thousand packets a second are all that there are, and a program in Python keeps up, with a quarter of a
processor.
"""

import collections
import fcntl
import math
import os
import select
import struct
import sys
import time

_MOST = 65536 + 64  # bytes of the largest packet, with its header
_QUEUE_SECONDS = 0.3  # what may wait for the line: deep enough not to drop before a sender slows down by itself
_IN_A_ROW = 64  # packets that are taken before the other way has its turn

# linux/if_tun.h. The virtio header in front of each packet says how it is cut into segments.
_TUNSETIFF, _TUNSETOFFLOAD, _TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
_TUN_F_CSUM, _TUN_F_TSO4 = 0x01, 0x02
_VIRTIO = struct.Struct("=BBHHHH")

_IP_AND_TCP = 52  # bytes of headers that each segment of a connection repeats
_ETHERNET = 38  # bytes on the wire around each: header, checksum, preamble and gap


def open_device(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH14x", name.encode(), _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR))
    fcntl.ioctl(device, _TUNSETVNETHDRSZ, struct.pack("i", _VIRTIO.size))
    fcntl.ioctl(device, _TUNSETOFFLOAD, _TUN_F_CSUM | _TUN_F_TSO4)
    return device


def bytes_on_the_wire(packet: bytes) -> int:
    """As if the packet had been cut into segments already."""
    _, _, header, segment, _, _ = _VIRTIO.unpack_from(packet)
    size = len(packet) - _VIRTIO.size
    segments = max(1, math.ceil((size - header) / segment)) if segment else 1
    return size + (segments - 1) * _IP_AND_TCP + segments * _ETHERNET


class Way:
    """One direction: what waits in it, each packet with the moment at which it arrives."""

    def __init__(self, source: int, target: int, delay: float, rate: float) -> None:
        self._source, self._target, self._delay, self._rate = source, target, delay, rate
        self._free_at = 0.0
        self._packets: collections.deque[tuple[float, bytes]] = collections.deque()

    @property
    def next_at(self) -> float:
        return self._packets[0][0] if self._packets else math.inf

    def take(self) -> None:
        now = time.monotonic()
        for _ in range(_IN_A_ROW):
            try:
                packet = os.read(self._source, _MOST)
            except BlockingIOError:
                return
            begins = max(now, self._free_at)
            if begins - now > _QUEUE_SECONDS:
                continue
            self._free_at = begins + bytes_on_the_wire(packet) * 8 / self._rate
            self._packets.append((self._free_at + self._delay, packet))

    def give(self) -> None:
        now = time.monotonic()
        while self._packets and self._packets[0][0] <= now:
            try:
                os.write(self._target, self._packets.popleft()[1])
            except OSError:  # nobody has set the device up (yet), or it has no place
                continue


def main() -> None:
    names, delay, rate = sys.argv[1:3], float(sys.argv[3]), float(sys.argv[4])
    ends = [open_device(name) for name in names]
    ways = {ends[0]: Way(ends[0], ends[1], delay, rate), ends[1]: Way(ends[1], ends[0], delay, rate)}
    print("ready", flush=True)
    poll = select.epoll()
    for descriptor in (*ends, sys.stdin.fileno()):
        poll.register(descriptor, select.EPOLLIN)
    while True:
        wait = min(way.next_at for way in ways.values()) - time.monotonic()
        for descriptor, _ in poll.poll(None if wait == math.inf else max(wait, 0)):
            if descriptor not in ways:
                return
            ways[descriptor].take()
        for way in ways.values():
            way.give()


if __name__ == "__main__":
    main()
