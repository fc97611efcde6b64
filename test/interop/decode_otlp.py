"""Reads ExportProfilesServiceRequest messages with the generated code of opentelemetry-proto, which shares no line with Sonde.

decode_otlp.py FILE…    prints one JSON object for each profile. 64-bit numbers are JSON integers.
"""

import json
import sys

from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2


def plain(value):
    """An AnyValue's text or number."""
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)


def profiles_of(request):
    tables = request.dictionary
    text = tables.string_table

    def attributes(indices):
        rows = [tables.attribute_table[index] for index in indices]
        return {text[row.key_strindex]: plain(row.value) for row in rows}

    def frame(index):
        """Names, innermost first, and the file: as pprof has them."""
        location = tables.location_table[index]
        names = [text[tables.function_table[line.function_index].name_strindex] for line in location.lines]
        file = text[tables.mapping_table[location.mapping_index].filename_strindex]
        return "+".join(names) + "@" + file

    def sample(each):
        stack = tables.stack_table[each.stack_index]
        return {
            "stack": [frame(index) for index in stack.location_indices],
            "count": sum(each.values) if each.values else len(each.timestamps_unix_nano),
            "timestamps": list(each.timestamps_unix_nano),
            "attributes": attributes(each.attribute_indices),
        }

    def value_type(each):
        return text[each.type_strindex] + "/" + text[each.unit_strindex]

    for resource in request.resource_profiles:
        for scope in resource.scope_profiles:
            for profile in scope.profiles:
                yield {
                    "resource": {each.key: plain(each.value) for each in resource.resource.attributes},
                    "scope": scope.scope.name,
                    "id": profile.profile_id.hex(),
                    "sampleType": value_type(profile.sample_type),
                    "periodType": value_type(profile.period_type),
                    "period": profile.period,
                    "time": profile.time_unix_nano,
                    "duration": profile.duration_nano,
                    "payload": [profile.original_payload_format, profile.original_payload.hex()],
                    "samples": [sample(each) for each in profile.samples],
                }


def mappings_of(request):
    tables = request.dictionary
    for mapping in tables.mapping_table:
        rows = [tables.attribute_table[index] for index in mapping.attribute_indices]
        yield [
            tables.string_table[mapping.filename_strindex],
            {tables.string_table[row.key_strindex]: plain(row.value) for row in rows},
        ]


for path in sys.argv[1:]:
    message = profiles_service_pb2.ExportProfilesServiceRequest()
    with open(path, "rb") as file:
        message.ParseFromString(file.read())
    known = profiles_service_pb2.ExportProfilesServiceRequest()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    if known.ByteSize() != message.ByteSize():
        sys.exit(path + ": has fields that opentelemetry-proto does not know")
    mappings = list(mappings_of(message))
    for profile in profiles_of(message):
        print(json.dumps({**profile, "mappings": mappings}))
