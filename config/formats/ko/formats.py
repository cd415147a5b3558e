"""Django's, but with the half of the day before the hour: it writes "12:30 오전" here and "오전 12:30" in its TIME_FORMAT."""

DATETIME_FORMAT = "Y년 n월 j일 A g:i"
