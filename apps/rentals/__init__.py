"""Rentals: who has what, when; alone decides double booking, and leads the saga from request to return."""
