"""Each pod's privileges, resources, probes and termination."""

import ast

import pytest

from tests.architecture.source import ROOT
from tests.deploy.manifests import KUBERNETES, OVERLAYS, amount, app_pods, containers, of_kind, pods


def server_setting(name: str) -> float:
    """Return a number that config/server.py or config/sidecars.py sets."""
    return next(
        float(ast.literal_eval(node.value))
        for module in ("server", "sidecars")
        for node in ast.parse((ROOT / "config" / f"{module}.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )


GRACEFUL_S, RELAY_STOP_S = server_setting("graceful_timeout"), server_setting("_STOP_S")
EVERY = [(overlay, name) for overlay in OVERLAYS for name in pods(overlay)]
OURS = [(overlay, name) for overlay in OVERLAYS for name in app_pods(overlay)]


@pytest.mark.parametrize(("overlay", "name"), EVERY)
def test_a_pod_has_no_privileges(overlay: str, name: str) -> None:
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
def test_an_app_pod_runs_as_the_image_s_user_with_writable_volumes(overlay: str, name: str) -> None:
    pod = app_pods(overlay)[name]
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
def test_a_container_has_requests_and_limits(overlay: str, name: str) -> None:
    for container in containers(pods(overlay)[name]):
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        assert requests.keys() == limits.keys() == {"cpu", "memory"}
        assert all(amount(requests[what]) <= amount(limits[what]) for what in requests)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_name_existing_ports_and_paths(overlay: str) -> None:
    routes = (ROOT / "config" / "urls.py").read_text()
    probed = set()
    for name in {"web", "relay"} & app_pods(overlay).keys():
        (container,) = app_pods(overlay)[name]["spec"]["containers"]
        ports = {port["name"] for port in container["ports"]}
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe := container.get(kind):
                assert probe["httpGet"]["port"] in ports
                assert probe["timeoutSeconds"] >= 5
                probed.add((name, kind, probe["httpGet"]["path"]))
        assert container["livenessProbe"]["failureThreshold"] >= 3
    assert all(f'path("{path[1:]}"' in routes for _name, _kind, path in probed)
    assert ("web", "readinessProbe", "/health/ready") in probed
    assert {path for _name, kind, path in probed if kind != "readinessProbe"} == {"/health/live"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_server_has_time_to_stop_after_it_is_out_of_the_gateway(overlay: str) -> None:
    spec = app_pods(overlay)["web"]["spec"]
    sleep_s = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert 5 <= sleep_s <= 10
    relay_stop_s = RELAY_STOP_S if overlay == "sqlite-single" else 0
    assert spec["terminationGracePeriodSeconds"] > sleep_s + GRACEFUL_S + relay_stop_s


@pytest.mark.parametrize("overlay", ["demo", "production"])
def test_servers_and_relays_are_replaced_one_by_one(overlay: str) -> None:
    for name in ("web", "relay"):
        deployment = of_kind(overlay, "Deployment")[name]["spec"]
        assert deployment["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        assert deployment["template"]["spec"]["topologySpreadConstraints"]


def test_sqlite_has_one_server_and_one_volume() -> None:
    deployment = of_kind("sqlite-single", "Deployment")["web"]["spec"]
    (data,) = (volume for volume in deployment["template"]["spec"]["volumes"] if volume["name"] == "data")

    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert data == {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    assert of_kind("sqlite-single", "PersistentVolumeClaim")["data"]["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert not of_kind("sqlite-single", "HorizontalPodAutoscaler", "PodDisruptionBudget")


def test_jobs_and_cron_jobs_have_the_same_pod() -> None:
    pod, cron = ((KUBERNETES / "components" / "every-pod" / name).read_text() for name in ("pod.yaml", "cron-pod.yaml"))
    assert cron.partition("\n")[2].replace("/spec/jobTemplate/spec/", "/spec/") == pod
