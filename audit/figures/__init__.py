"""Figures for auditors: usage, anomalies, reviews, monthly reports."""
