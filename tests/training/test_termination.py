import os
import signal
import threading

from deepsphere.training.termination import watched_for_termination


def test_the_signal_is_noted_and_ends_nothing():
    with watched_for_termination() as came:
        assert not came()
        os.kill(os.getpid(), signal.SIGTERM)
        assert came()


def test_afterwards_the_signal_does_what_it_did():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with watched_for_termination():
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_thread_hears_nothing():
    answers = []

    def watch():
        with watched_for_termination() as came:
            answers.append(came())

    thread = threading.Thread(target=watch)
    thread.start()
    thread.join()
    assert answers == [False]
