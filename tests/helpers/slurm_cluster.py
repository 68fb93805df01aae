"""A Slurm of one node with a low and a high partition, on the loopback and in a folder of its own."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ('munged', 'munge', 'slurmctld', 'slurmd', 'srun', 'sbatch', 'scontrol', 'sinfo')

# A job that was requeued waits for cred_expire + 1 seconds, two minutes by default.
_CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=low Nodes={host} Default=YES PriorityTier=1 MaxTime=INFINITE State=UP GraceTime={grace}
PartitionName=high Nodes={host} PriorityTier=10 PreemptMode=OFF MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why a cluster cannot be started here; empty if it can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f'Slurm is not installed (apt-get install slurm-wlm munge): no {", ".join(missing)}'
    return '' if os.geteuid() == 0 else 'slurmd starts jobs as root only'


def _free_ports(count: int) -> list[int]:
    servers = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports


class Cluster:
    """Starts munged, slurmctld and slurmd; :meth:`stop` ends these three by their ids.

    Args:
        folder: Empty folder for everything that they write.
        grace: Seconds that a pre-empted job has between SIGTERM and the end.

    Raises:
        RuntimeError: The node is not idle after half a minute.
    """

    def __init__(self, folder: Path, grace: int = 0) -> None:
        self.folder = folder
        for name in ('munge', 'state', 'spool'):
            (folder / name).mkdir()
        (folder / 'munge/key').write_bytes(os.urandom(1024))
        (folder / 'munge/key').chmod(0o400)
        controller_port, node_port = _free_ports(2)
        host = socket.gethostname().split('.')[0]
        text = _CONFIG.format(
            host=host, folder=folder, controller_port=controller_port, node_port=node_port, grace=grace
        )
        (folder / 'slurm.conf').write_text(text)
        # nothing of a job that this test itself may run in
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith('SLURM_')}
        self.environment['SLURM_CONF'] = str(folder / 'slurm.conf')
        self.daemons = []
        self._start('munged', '--foreground', '--force', f'--key-file={folder}/munge/key',
                    f'--socket={folder}/munge/socket', f'--pid-file={folder}/munge/pid',
                    f'--log-file={folder}/munge/log', f'--seed-file={folder}/munge/seed')  # fmt: skip
        self._wait(lambda: (folder / 'munge/socket').exists(), 'munged made no socket')
        self._start('slurmctld', '-D', '-c')
        self._wait(lambda: 'UP' in self.run('scontrol', 'ping'), 'slurmctld does not answer')
        self._start('slurmd', '-D')
        self._wait(lambda: self.run('sinfo', '-h', '-p', 'low', '-o', '%T').strip() == 'idle', 'the node is not idle')

    def _start(self, *command: str) -> None:
        with open(self.folder / f'{command[0]}.out', 'wb') as log:
            self.daemons.append(
                subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, start_new_session=True)
            )

    def _wait(self, done, problem: str) -> None:
        end = time.monotonic() + 30
        while not done():
            if time.monotonic() > end:
                self.stop()
                logs = '\n'.join(f'{log.name}: {log.read_text()[-1000:]}' for log in self.folder.glob('*.[lo]*'))
                raise RuntimeError(f'{problem}: {logs}')
            time.sleep(0.2)

    def run(self, *command: str, **environment: str) -> str:
        """What a command prints, on either stream."""
        done = subprocess.run(
            command, env={**self.environment, **environment}, capture_output=True, text=True, timeout=120
        )
        return done.stdout + done.stderr

    def job(self, number: str) -> dict[str, str]:
        """What ``scontrol show job`` says, by name."""
        words = self.run('scontrol', 'show', 'job', number).split()
        return dict(word.split('=', 1) for word in words if '=' in word)

    def stop(self) -> None:
        """End jobs and daemons."""
        if len(self.daemons) == 3:
            self.run('scancel', '--signal=KILL', '--full', '--user=root')
            self.run('scancel', '--user=root')
            self._settle()
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self.daemons = []

    def _settle(self) -> None:
        end = time.monotonic() + 20
        while self.run('squeue', '-h').strip() and time.monotonic() < end:
            time.sleep(0.2)
