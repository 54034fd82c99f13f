"""What an account described comes back from JSON exactly as it was."""

import json

from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import (
    Field,
    FieldMeaning,
    FieldType,
    Idempotency,
    Kind,
    MergeSignal,
    ObjectMeaning,
    Option,
    ReadStrategy,
    Resource,
    WriteKind,
)
from connectors.snapshots import (
    meaning_from_json,
    meaning_to_json,
    resource_from_json,
    resource_to_json,
)

text = st.text(max_size=12)
options = st.builds(Option, value=text, label=text)
fields = st.builds(
    Field,
    name=text,
    label=text,
    type=st.sampled_from(FieldType),
    canonical=st.none() | text,
    required=st.booleans(),
    read_only=st.booleans(),
    unique=st.booleans(),
    multi_valued=st.booleans(),
    options=st.lists(options, max_size=3).map(tuple),
    target=st.none() | text,
    target_kind=st.none() | st.sampled_from(Kind),
    max_length=st.none() | st.integers(1, 10**6),
    tells_blank=st.booleans(),
)
resources = st.builds(
    Resource,
    name=text,
    label=text,
    fields=st.lists(fields, max_size=4).map(tuple),
    kind=st.none() | st.sampled_from(Kind),
    proposed_kind=st.none() | st.sampled_from(Kind),
    read=st.sampled_from(ReadStrategy),
    tombstones=st.booleans(),
    merges=st.frozensets(st.sampled_from(MergeSignal)),
    writes=st.frozensets(st.sampled_from(WriteKind)),
    batch=st.dictionaries(st.sampled_from(WriteKind), st.integers(1, 1000)),
    get_batch=st.integers(1, 1000),
    atomic=st.booleans(),
    lock=st.booleans(),
    idempotency=st.sampled_from(Idempotency),
    deadline=st.integers(0, 600),
    settle=st.integers(0, 600),
    lag=st.integers(0, 7200),
    notices=st.booleans(),
    poll=st.integers(0, 3600),
    url=st.none() | text,
)
meanings = st.builds(
    ObjectMeaning,
    kind=st.none() | st.sampled_from(Kind),
    fields=st.dictionaries(
        text,
        st.builds(FieldMeaning, canonical=st.none() | text, type=st.none() | st.sampled_from(FieldType)).filter(
            lambda meaning: meaning != FieldMeaning()
        ),
        max_size=4,
    ),
)


def every_attribute_is_drawn(strategy_of, cls):
    return set(cls.__dataclass_fields__) == set(strategy_of.wrapped_strategy.kwargs)


@given(resources)
def test_a_resource_comes_back_as_it_was(resource):
    back = resource_from_json(json.loads(json.dumps(resource_to_json(resource))))
    assert back == resource
    assert type(back.read) is ReadStrategy and all(type(kind) is WriteKind for kind in back.batch)
    assert all(type(one.type) is FieldType for one in back.fields)


@given(meanings)
def test_a_meaning_comes_back_as_it_was(meaning):
    assert meaning_from_json(json.loads(json.dumps(meaning_to_json(meaning)))) == meaning


def test_a_new_attribute_of_the_contract_is_drawn_here_too():
    assert every_attribute_is_drawn(fields, Field) and every_attribute_is_drawn(resources, Resource)


def test_defaults_take_no_place():
    resource = Resource("people", "People", (Field("name", "Name", FieldType.TEXT),))
    assert resource_to_json(resource) == {
        "name": "people",
        "label": "People",
        "fields": [{"name": "name", "label": "Name", "type": "text"}],
    }
    assert meaning_to_json(ObjectMeaning(fields={"name": FieldMeaning()})) == {}
