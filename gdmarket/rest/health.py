"""Two questions an orchestrator asks: are you alive, and may I send you work?"""

from django.http import HttpRequest, JsonResponse


def live(request: HttpRequest) -> JsonResponse:
    """Answer that the process runs; nothing else is looked at."""
    return JsonResponse({"status": "live"})


def ready(request: HttpRequest) -> JsonResponse:
    """Answer whether requests may be sent here."""
    return JsonResponse({"status": "ready"})
