"""Rentals: who rents what, and when. It alone decides double booking, and it orchestrates the saga from request to return."""
