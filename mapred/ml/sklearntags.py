"""What scikit-learn asks of an estimator before it puts it into a pipeline or a search of its own.

It isn't needed to learn, and is imported when it asks. Before 1.6 it looked at `_estimator_type`
alone.
"""

from typing import Any


def tags_of(model: Any) -> Any:
    """scikit-learn's `Tags` of one of our estimators."""
    from sklearn.utils import (
        ClassifierTags,
        InputTags,
        RegressorTags,
        Tags,
        TargetTags,
        TransformerTags,
    )

    kind = getattr(model, "_estimator_type", None)
    texts = model.texts
    return Tags(
        estimator_type=kind,
        target_tags=TargetTags(required=bool(model.targets)),
        classifier_tags=ClassifierTags() if kind == "classifier" else None,
        regressor_tags=RegressorTags() if kind == "regressor" else None,
        transformer_tags=TransformerTags() if hasattr(model, "transform") else None,
        input_tags=InputTags(
            two_d_array=not texts, string=texts, sparse=not texts, positive_only=model.counts
        ),
    )
