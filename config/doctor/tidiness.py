"""Who should not live here, and what nobody clears away."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from apps.accounts.models import User
from apps.status_view.models import Generations
from config import demo
from config.doctor.findings import Findings, Stance, fail, ok, warn
from gdmarket.rest.idempotency_store import RETENTION
from gdmarket.rest.models import IdempotencyKey

_DAY = timedelta(days=1)


def people(stance: Stance) -> Findings:
    """Look for people whose password everybody knows, and whether an operator is among those who live here."""
    staff = User.objects.filter(is_staff=True, is_active=True)
    if stance.deploy and not staff.exists():
        yield warn("people", "no operator lives here", "run manage.py createsuperuser")
    demo_people = User.objects.filter(email__in=demo.PEOPLE, is_active=True).order_by("-is_staff", "email")
    if not stance.deploy:
        yield ok("people", f"{demo_people.count()} of the demo's live here")
        return
    # Hashing is slow on purpose: the first that is found is enough.
    known = next((person for person in demo_people if person.check_password(demo.PASSWORD)), None)
    if known is not None:
        remedy = "change the demo people's passwords or take 'active' from them, in the admin: the demo's is printed for everybody"
        yield fail("demo people", f"{known.email} can be entered by the demo's password", remedy)
    else:
        yield ok("demo people", "nobody is entered by the demo's password")


def kept_for_too_long(_stance: Stance) -> Findings:
    """Look whether what is to be forgotten each day was."""
    answers = IdempotencyKey.objects.filter(created_at__lt=Now() - RETENTION - _DAY).count()
    sessions = Session.objects.filter(expire_date__lt=Now() - _DAY).count()
    if answers:
        yield warn("kept answers", f"{answers} should have been forgotten a day ago", "run manage.py purge_idempotency_keys daily")
    if sessions:
        yield warn("sessions", f"{sessions} ran out more than a day ago", "run manage.py clearsessions daily")
    if not (answers or sessions):
        yield ok("housekeeping", "what is to be forgotten each day was")


def generations(_stance: Stance) -> Findings:
    """Look for a rebuild of the status view that nobody goes on with: it doubles what each delivery writes."""
    left = Generations.objects.filter(building__isnull=False, leased_until__lt=Now() - _DAY).first()
    if left is not None:
        remedy = "go on with manage.py rebuild_status_view, or give it up with --discard"
        yield warn("status view", f"a rebuild stopped after {left.built} rows", remedy)
    else:
        yield ok("status view", "no rebuild was left unfinished")


CHECKS = (people, kept_for_too_long, generations)
