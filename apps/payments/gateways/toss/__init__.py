"""Toss Payments, over its HTTP API of 2022-11-16."""

from apps.payments.gateways.toss.gateway import TossGateway

__all__ = ["TossGateway"]
