import copy

import pytest

METRICS = {
    "experiment": "weather",
    "title": "Weather of stations",
    "metrics": ["mse", "mae", "mre", "r2", "explained_variance"],
    "simulated": False,
    "tasks": {
        "temperature": {
            "title": "Temperature of the next day",
            "unit": "degC",
            "pixels": 73,
            "samples": {"test": 1094, "train": 2548, "validation": 0},
            "store": {"name": "ghcn", "digest": "a" * 64, "simulated": False},
            "baselines": {
                "climatology": {
                    "description": "mean of the day",
                    "parameters": 730,
                    "metrics": {"mse": 16.0, "mae": 3.0, "outputs_without_variance": 0.0},
                },
                "persistence": {
                    "description": "the day before",
                    "parameters": 0,
                    "metrics": {"mse": 9.0, "mae": 2.0, "r2": 0.9},
                },
            },
        },
        "day": {
            "title": "Day of the year",
            "unit": "1",
            "pixels": 73,
            "samples": {"test": 548, "train": 1095, "validation": 183},
            "store": {"name": "ghcn", "digest": "a" * 64, "simulated": False},
            "baselines": {},
        },
    },
    "variants": {
        "p0": {
            "title": "Order 0",
            "protocol": "published",
            "task": "temperature",
            "parameters": 15901,
            "seeds": [0, 2, 10],
            "metrics": {
                "mse": {"mean": 10.0, "std": 1.0, "values": {"0": 9.0, "10": 11.0, "2": 10.0}},
                "mae": {"mean": 2.0, "std": 0.1, "values": {"0": 1.9, "10": 2.1, "2": 2.0}},
                "r2": {"mean": 0.85, "std": 0.02, "values": {"0": 0.83, "10": 0.87, "2": 0.85}},
            },
            "published": {"metrics": {"mse": 10.88, "mae": 2.42}, "source": "Paper", "note": None},
        },
        "p4": {
            "title": "Order 4",
            "protocol": "sound",
            "task": "temperature",
            "parameters": 77000,
            "seeds": [0, 2, 10],
            "metrics": {
                "mse": {"mean": 8.0, "std": 0.5, "values": {"0": 7.5, "10": 8.5, "2": 8.0}},
                "mae": {"mean": 2.5, "std": 0.1, "values": {"0": 2.4, "10": 2.6, "2": 2.5}},
                "r2": {"mean": 0.95, "std": 0.01, "values": {"0": 0.94, "10": 0.96, "2": 0.95}},
            },
            "published": {
                "metrics": {"mse": 8.2},
                "source": "Thesis",
                "note": "other tables differ",
            },
        },
        "p9": {
            "title": "Order 9",
            "protocol": "sound",
            "task": "temperature",
            "parameters": 150000,
            "seeds": [0],
            "metrics": {"mse": {"mean": 8.7654, "std": None, "values": {"0": 8.7654}}},
            "published": {"metrics": {"mse": 8.38}, "source": "Paper", "note": None},
        },
        "day-p4": {
            "title": "Order 4",
            "protocol": "sound",
            "task": "day",
            "parameters": 99,
            "seeds": [0],
            "metrics": {"mse": {"mean": 0.0039, "std": None, "values": {"0": 0.0039}}},
            "published": None,
        },
    },
}


@pytest.fixture
def metrics():
    """A table of two tasks with round numbers."""
    return copy.deepcopy(METRICS)


@pytest.fixture
def printed(metrics):
    """The same table with published baselines of temperature, one of which was not computed."""
    baselines = metrics["tasks"]["temperature"]["baselines"]
    baselines["persistence"]["published"] = {
        "metrics": {"mse": 9.2},
        "source": "Report",
        "note": "a single run",
    }
    baselines["guess"] = {
        "description": "not computed",
        "parameters": None,
        "metrics": {},
        "published": {"metrics": {"mse": 20.5}, "source": "Report", "note": None},
    }
    return metrics
