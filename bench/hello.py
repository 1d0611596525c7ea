"""The floor of an HTTP answer: Flask's hello as JSON."""

from flask import Flask, Response, jsonify

application = Flask(__name__)


@application.get("/hello")
def hello() -> Response:
    """Say hello."""
    return jsonify(hello="world")
