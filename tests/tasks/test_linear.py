import numpy as np
import pytest
import sklearn.linear_model

from deepsphere.tasks.linear import apply, least_squares, ridge


def draw(outputs=4, samples=30, features=3):
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((outputs, samples, features))
    coefficients = generator.standard_normal((outputs, features))
    noise = generator.standard_normal((outputs, samples))
    return inputs, np.einsum("osf,of->os", inputs, coefficients) + 7 + 0.1 * noise


def test_each_output_is_fitted_on_its_known_samples():
    features, target = draw()
    known = np.random.default_rng(1).random(target.shape) < 0.7
    found = least_squares(features, np.where(known, target, np.nan), known)
    assert found.shape == (4, 4)
    predicted = apply(found, features)
    for output in range(4):
        kept = known[output]
        oracle = sklearn.linear_model.LinearRegression()
        oracle.fit(features[output][kept], target[output][kept])
        np.testing.assert_allclose(found[output, :-1], oracle.coef_, rtol=1e-10)
        assert found[output, -1] == pytest.approx(oracle.intercept_)
        np.testing.assert_allclose(predicted[output], oracle.predict(features[output]), rtol=1e-10)


def test_what_is_unknown_may_hold_anything():
    features, target = draw()
    known = np.random.default_rng(1).random(target.shape) < 0.7
    clean = least_squares(features, target, known)
    features[~known], target[~known] = np.inf, np.nan
    np.testing.assert_array_equal(least_squares(features, target, known), clean)


def test_where_samples_do_not_determine_the_model_it_has_the_least_norm():
    """One sample x = (3, 4), y = 26 with the intercept's 1: the least norm is (3, 4, 1)."""
    features = np.array([[[3.0, 4.0], [9, 9]]])
    found = least_squares(features, np.array([[26.0, 5]]), np.array([[True, False]]))
    np.testing.assert_allclose(found, [[3, 4, 1]], rtol=1e-12)
    nothing = least_squares(features, np.array([[26.0, 5]]), np.zeros((1, 2), bool))
    np.testing.assert_array_equal(nothing, [[0, 0, 0]])


PENALTIES = np.logspace(-2, 6, num=9)


def draw_one(samples, features, noise, seed=0):
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((samples, features)) @ np.diag(np.logspace(1, -2, features))
    inputs += generator.standard_normal(features)
    target = 3 + inputs @ generator.standard_normal(features)
    return inputs, target + noise * generator.standard_normal(samples)


def generalized_cross_validation(features, target, penalty):
    """Return n |y - H y|² / (n - tr H)² with the hat matrix H written out, intercept included."""
    count = len(target)
    centred = features - features.mean(axis=0)
    gram = centred.T @ centred + penalty * np.eye(features.shape[1])
    hat = np.full((count, count), 1 / count) + centred @ np.linalg.solve(gram, centred.T)
    residual = target - hat @ target
    return count * residual @ residual / (count - np.trace(hat)) ** 2


# More samples than features, fewer (then the centred features have no full rank), much noise.
CASES = [(60, 8, 0.5), (60, 8, 20.0), (20, 45, 1.0), (20, 45, 20.0)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_penalty_has_the_least_generalized_cross_validation(case):
    features, target = draw_one(*case)
    _, _, penalty = ridge(features, target, PENALTIES)
    scores = [generalized_cross_validation(features, target, one) for one in PENALTIES]
    assert penalty == PENALTIES[np.argmin(scores)]


def test_the_cases_choose_different_penalties():
    chosen = {ridge(*draw_one(*case), PENALTIES)[2] for case in CASES}
    assert len(chosen) > 1
    assert chosen & set(PENALTIES[1:-1])


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("penalty", PENALTIES)
def test_coefficients_are_those_of_scikit_learn(case, penalty):
    features, target = draw_one(*case)
    coefficients, intercept, chosen = ridge(features, target, np.array([penalty]))
    oracle = sklearn.linear_model.Ridge(alpha=penalty, solver="svd").fit(features, target)
    assert chosen == penalty
    np.testing.assert_allclose(coefficients, oracle.coef_, rtol=1e-8, atol=1e-10)
    assert intercept == pytest.approx(oracle.intercept_, rel=1e-9)


def test_the_choice_is_that_of_leave_one_out_where_all_samples_weigh_the_same():
    """scikit-learn scores by leave-one-out, which equals generalized cross-validation where the
    diagonal of the hat matrix is constant: as for the Fourier basis on even points.
    """
    angles = 2 * np.pi * np.arange(40) / 40
    features = np.stack([f(k * angles) for k in range(1, 9) for f in (np.cos, np.sin)], axis=1)
    generator = np.random.default_rng(3)
    chosen = []
    for noise in (0.1, 2, 10):
        target = 2 + features @ np.linspace(1, 0, 16) + noise * generator.standard_normal(40)
        coefficients, intercept, penalty = ridge(features, target, PENALTIES)
        oracle = sklearn.linear_model.RidgeCV(PENALTIES).fit(features, target)
        assert penalty == oracle.alpha_
        np.testing.assert_allclose(coefficients, oracle.coef_, rtol=1e-9, atol=1e-12)
        assert intercept == pytest.approx(oracle.intercept_)
        chosen.append(penalty)
    assert chosen == sorted(chosen)
    assert len(set(chosen)) > 1


def test_features_that_never_change_get_nothing():
    features, target = draw_one(30, 4, 1.0)
    features[:, 2] = 5
    coefficients, intercept, _ = ridge(features, target, PENALTIES)
    assert coefficients[2] == pytest.approx(0, abs=1e-12)
    constant, mean, _ = ridge(np.full((30, 4), 5.0), target, PENALTIES)
    assert not constant.any()
    assert mean == pytest.approx(target.mean())
    assert np.isfinite(intercept)
