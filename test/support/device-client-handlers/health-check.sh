echo "healthy"
