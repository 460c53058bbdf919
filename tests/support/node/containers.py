"""Containers without an engine: a process in namespaces of its own, on a copy of the host's files that is thrown away.

A pod has a network namespace, held by a process that sleeps, with one address on the node's bridge. A container has a mount namespace: an overlay
over the host's root, read-only where the pod asks for it, with the volumes mounted into it, and runs there as the pod's user without privileges.
All of it ends with the processes, which die with the node.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DIES_WITH_US = ("setpriv", "--pdeathsig=KILL")


@dataclass(frozen=True)
class Image:
    """What stands for an image: the command of its entry point, its user, its environment, and folders of the host with their places in it."""

    command: Sequence[str]
    user: int
    environment: Mapping[str, str]
    folders: Mapping[str, str]


@dataclass(frozen=True)
class Mount:
    """A folder or file of the host at a place in the container."""

    source: Path
    target: str
    read_only: bool = False


async def run(*command: str, stdin: str = "") -> None:
    """Run a command of the system to its end."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate(stdin.encode())
    if process.returncode:
        raise OSError(f"{' '.join(command)}: {output.decode()}{stdin}")


class Sandbox:
    """The network namespace of a pod."""

    def __init__(self, holder: asyncio.subprocess.Process) -> None:
        self._holder = holder
        self.namespace = f"/proc/{holder.pid}/ns/net"

    @classmethod
    async def open(cls, bridge: str, name: str, address: str, gateway: str, hostname: str) -> Sandbox:
        """Make one; ``name`` is that of the host's end of its cable."""
        inside = f"echo {shlex.quote(hostname[:63])} > /proc/sys/kernel/hostname && echo ready && exec sleep infinity"
        holder = await asyncio.create_subprocess_exec(
            *_DIES_WITH_US, "unshare", "--net", "--uts", "sh", "-c", inside,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        sandbox = cls(holder)
        assert holder.stdout is not None
        await holder.stdout.readline()
        await run(
            "ip", "link", "add", name, "master", bridge, "up", "type", "veth", "peer", "eth0", "netns", str(holder.pid)
        )
        commands = (
            f"link set lo up\nlink set eth0 up\naddr add {address}/24 dev eth0\nroute add 10.0.0.0/8 via {gateway}\n"
        )
        await run("nsenter", f"--net={sandbox.namespace}", "ip", "-batch", "-", stdin=commands)
        return sandbox

    async def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._holder.kill()
        await self._holder.wait()

    async def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        mounts: Sequence[Mount],
        security: Mapping[str, Any],
        scratch: Path,
        log: Path,
        folder: str = "/",
    ) -> asyncio.subprocess.Process:
        """Start a container; the process that is returned is its first one and leads its group."""
        scratch.mkdir(parents=True, exist_ok=True)
        lines = _root(scratch)
        lines += [line for mount in mounts for line in _mounted(mount, scratch / "root")]
        if security.get("readOnlyRootFilesystem"):
            lines.append(f"mount -o remount,ro {scratch}/root")
        user, group = security["runAsUser"], security.get("runAsGroup", security["runAsUser"])
        groups = f"--groups={security['fsGroup']}" if "fsGroup" in security else "--clear-groups"
        dropped = ["--bounding-set=-all", "--inh-caps=-all"] if user else []
        lines.append(
            shlex.join(
                [
                    "exec", "chroot", f"{scratch}/root", "setpriv", f"--reuid={user}", f"--regid={group}", groups, "--no-new-privs",
                    *dropped, "--pdeathsig=KILL", "env", "-i", f"--chdir={folder}", *(f"{k}={v}" for k, v in environment.items()), *command,
                ]
            )
        )  # fmt: skip
        sandboxed = ["nsenter", f"--net={self.namespace}", f"--uts={self.namespace[:-3]}uts", "unshare", "--mount"]
        with log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *_DIES_WITH_US, *sandboxed, "sh", "-ec", "\n".join(lines),
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip


def _root(scratch: Path) -> list[str]:
    """The root of the container, on which any user can read the interpreter."""
    base = Path(sys.base_prefix)
    hidden = [folder for folder in (base, *base.parents) if os.stat(folder).st_mode & 0o005 != 0o005]
    return [
        f"mount -t tmpfs pod {scratch}",
        f"cd {scratch} && mkdir upper work root",
        f"mount -t overlay overlay -o lowerdir=/,upperdir={scratch}/upper,workdir={scratch}/work root",
        *(f"mount --rbind /{name} root/{name}" for name in ("proc", "sys", "dev")),
        *(f"chmod a+rx {shlex.quote(f'{scratch}/root{folder}')}" for folder in reversed(hidden)),
    ]


def _mounted(mount: Mount, root: Path) -> list[str]:
    """Where links of the path lead is up to the container's root, not to ours."""
    source, target = shlex.quote(str(mount.source)), shlex.quote(mount.target)
    made = (
        f"mkdir -p {target}"
        if mount.source.is_dir()
        else f"mkdir -p $(dirname {target}) && rm -f {target} && touch {target}"
    )
    lines = [
        f"target={root}$(chroot {root} sh -c {shlex.quote(f'{made} && realpath {target}')})",
        f"mount --bind {source} $target",
    ]
    if mount.read_only:
        lines.append("mount -o remount,bind,ro $target")
    return lines


def kill(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to the first process of a container; SIGKILL goes to all of them."""
    with contextlib.suppress(ProcessLookupError):
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)
        elif process.returncode is None:
            process.send_signal(number)
