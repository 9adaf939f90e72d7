"""The table of all statistics: features of one layer -> a summary that forgets positions; the distance of two summaries.

A row is a function of its options that returns a `comparisons.Statistic`, whose parts are pure functions of one layer;
`layers.map_layers` takes them over a network. The flag, the error messages and the property tests read this table.
"""

from jaxtex.statistics import adversarial, moments, portilla_simoncelli, quantiles

STATISTICS = {
    "mean": moments.mean,
    "gram": moments.gram,
    "mean_and_covariance": moments.mean_and_covariance,
    "bures": moments.bures,
    "sorted": quantiles.sorted_features,
    "sliced_wasserstein": quantiles.sliced_wasserstein,
    "pca_gram": moments.pca_gram,
    "shifted_gram": moments.shifted_gram,
    "histogram": quantiles.histogram,
    "joint": portilla_simoncelli.joint,
    "discriminator": adversarial.discriminator,
}
