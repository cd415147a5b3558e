"""One deploy: the next version's migrations, then its relay, then its servers; in good order, or as one should not."""

from deploy.local.cluster import Cluster
from deploy.local.versions import write_next_version
from deploy.servers.waiting import wait_until


def rolling_update(*, cluster: Cluster) -> None:
    """Bring the next version into service without losing a request.

    Migrate while the old code serves; replace the relay; then, for each server, start a new one, wait until the gateway sees it ready,
    drain the old one, and stop it.
    """
    _prepare(cluster)
    cluster.replace_relay()
    for web in [*cluster.webs]:
        cluster.add_web()
        cluster.remove_web(web)
    cluster.tell(f"version {cluster.version} serves")


def restart_in_place(*, cluster: Cluster) -> None:
    """Do the same as one should not: stop each server under load and start it at its place, one after the other, without waiting."""
    _prepare(cluster)
    cluster.replace_relay()
    for web in cluster.webs:
        cluster.restart_in_place(web)
    wait_until(lambda: all(cluster.is_ready(web) for web in cluster.webs), "the servers to be ready")
    cluster.tell(f"version {cluster.version} serves")


def _prepare(cluster: Cluster) -> None:
    cluster.tree = write_next_version(before=cluster.tree, folder=cluster.folder, number=cluster.version + 1)
    cluster.manage("migrate", "--verbosity", "0")
    cluster.tell(f"version {cluster.version + 1}: migrated, while version {cluster.version} serves")
    cluster.version += 1
