"""The judge: metrics, backtests, significance and the leaderboard. It knows no contestant."""
