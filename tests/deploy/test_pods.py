"""What each pod may do, how it is watched, and how it ends."""

import ast

import pytest

from tests.architecture.source import ROOT
from tests.deploy.cluster import KUBERNETES, OVERLAYS, amount, containers, of_kind, ours, pods


def set_by_the_server(name: str) -> float:
    """Return a number that config/server.py sets."""
    return next(
        float(ast.literal_eval(node.value))
        for node in ast.parse((ROOT / "config" / "server.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )


GRACEFUL_S, BESIDE_S = set_by_the_server("graceful_timeout"), set_by_the_server("_STOP_S")
EVERY = [(overlay, name) for overlay in OVERLAYS for name in pods(overlay)]
OURS = [(overlay, name) for overlay in OVERLAYS for name in ours(overlay)]


@pytest.mark.parametrize(("overlay", "name"), EVERY)
def test_a_pod_may_do_nothing_that_it_need_not(overlay: str, name: str) -> None:
    spec = pods(overlay)[name]["spec"]

    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(pods(overlay)[name]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, container["name"]
        assert not {port["containerPort"] for port in container.get("ports", [])} & set(range(1024))
    assert not any(spec.get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC"))
    assert not any("hostPath" in volume for volume in spec["volumes"])


@pytest.mark.parametrize(("overlay", "name"), OURS)
def test_a_pod_of_ours_is_the_images_user_and_writes_where_it_may(overlay: str, name: str) -> None:
    pod = ours(overlay)[name]
    security = pod["spec"]["securityContext"]

    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (10001, 10001, 10001)
    assert "USER 10001:10001" in (ROOT / "Dockerfile").read_text()
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert volumes["tmp"]["emptyDir"]["medium"] == volumes["shm"]["emptyDir"]["medium"] == "Memory"
    for container in containers(pod):
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert {"/tmp": "tmp", "/dev/shm": "shm", "/var/lib/gdmarket": "data"}.items() <= mounts.items()
        assert set(mounts.values()) <= volumes.keys()
        assert [next(iter(source)) for source in container["envFrom"]] == ["configMapRef", "secretRef"]


@pytest.mark.parametrize(("overlay", "name"), EVERY)
def test_a_container_asks_for_what_it_needs_and_gets_no_more_than_it_may(overlay: str, name: str) -> None:
    for container in containers(pods(overlay)[name]):
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        assert requests.keys() == limits.keys() == {"cpu", "memory"}
        assert all(amount(requests[what]) <= amount(limits[what]) for what in requests)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_probe_asks_for_an_address_that_there_is(overlay: str) -> None:
    routes = (ROOT / "config" / "urls.py").read_text()
    asked = set()
    for name in {"web", "relay"} & ours(overlay).keys():
        (container,) = ours(overlay)[name]["spec"]["containers"]
        ports = {port["name"] for port in container["ports"]}
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe := container.get(kind):
                assert probe["httpGet"]["port"] in ports
                assert probe["timeoutSeconds"] >= 5
                asked.add((name, kind, probe["httpGet"]["path"]))
        assert container["livenessProbe"]["failureThreshold"] >= 3
    assert all(f'path("{path[1:]}"' in routes for _name, _kind, path in asked)
    assert ("web", "readinessProbe", "/health/ready") in asked
    assert {path for _name, kind, path in asked if kind != "readinessProbe"} == {"/health/live"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_server_has_time_to_end_after_the_gateways_have_learnt_that_it_goes(overlay: str) -> None:
    spec = ours(overlay)["web"]["spec"]
    sleep_s = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert 5 <= sleep_s <= 10
    beside_s = BESIDE_S if overlay == "sqlite-single" else 0
    assert spec["terminationGracePeriodSeconds"] > sleep_s + GRACEFUL_S + beside_s


@pytest.mark.parametrize("overlay", ["demo", "production"])
def test_servers_and_relays_are_replaced_one_by_one(overlay: str) -> None:
    for name in ("web", "relay"):
        deployment = of_kind(overlay, "Deployment")[name]["spec"]
        assert deployment["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        assert deployment["template"]["spec"]["topologySpreadConstraints"]


def test_two_servers_never_share_one_sqlite_file() -> None:
    deployment = of_kind("sqlite-single", "Deployment")["web"]["spec"]
    (data,) = (volume for volume in deployment["template"]["spec"]["volumes"] if volume["name"] == "data")

    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert data == {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    assert of_kind("sqlite-single", "PersistentVolumeClaim")["data"]["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert not of_kind("sqlite-single", "HorizontalPodAutoscaler", "PodDisruptionBudget")


def test_jobs_and_cron_jobs_are_made_alike() -> None:
    pod, cron = ((KUBERNETES / "components" / "every-pod" / name).read_text() for name in ("pod.yaml", "cron-pod.yaml"))
    assert cron.partition("\n")[2].replace("/spec/jobTemplate/spec/", "/spec/") == pod
