"""The table of all statistics.

Each entry is a function of its options that returns a `base.Statistic`, whose parts are pure
functions of one layer; `map_layers.map_layers` applies them to all layers of a network. The flag
`--statistic`, its error messages and the property tests read this table.
"""

from collections.abc import Callable

from jaxtex.statistics import (
    adversarial,
    autocovariance,
    base,
    bures,
    correspondence,
    gram_variants,
    moments,
    neighbors,
    portilla_simoncelli,
    quantiles,
)

STATISTICS: dict[str, Callable[..., base.Statistic]] = {
    "mean": moments.mean,
    "gram": moments.gram,
    "mean_and_covariance": moments.mean_and_covariance,
    "bures": bures.bures,
    "sorted": quantiles.sorted_features,
    "sliced_wasserstein": quantiles.sliced_wasserstein,
    "pca_gram": gram_variants.pca_gram,
    "shifted_gram": gram_variants.shifted_gram,
    "histogram": quantiles.histogram,
    "relaxed_emd": neighbors.relaxed_emd,
    "nearest_neighbors": neighbors.nearest_neighbors,
    "autocorrelation": autocovariance.autocorrelation,
    "guided_correspondence": correspondence.guided_correspondence,
    "joint": portilla_simoncelli.joint,
    "discriminator": adversarial.discriminator,
}
