"""Writes files.jsonl: small WAV files of SoX, each with the samples that SoX reads from it.

    python3 tests/io/sound/files.py > tests/io/sound/files.jsonl
"""

import base64
import json
import subprocess
import tempfile

FORMS = [(8, "unsigned-integer"), (16, "signed-integer"), (24, "signed-integer"), (32, "signed-integer"),
         (32, "floating-point"), (64, "floating-point")]
REFUSED = [("mu-law", 'it is a WAV sound in "mu-law"'), ("a-law", 'it is a WAV sound in "A-law"'),
           ("ima-adpcm", 'it is a WAV sound in "IMA ADPCM"'), ("ms-adpcm", 'it is a WAV sound in "ADPCM"'),
           ("gsm-full-rate", 'it is a WAV sound in "GSM 6.10"')]


def sox(*args):
    return subprocess.run(["sox", "-R", "-D", *map(str, args)], check=True, capture_output=True).stdout


with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/a.wav"
    for channels in (1, 2, 3, 6):
        source = f"{folder}/source.wav"
        tones = [word for channel in range(channels) for word in ("sine", 300 + 170 * channel)]
        sox("-n", "-r", 8000, "-b", 32, "-e", "floating-point", source, "synth", "21s", *tones, "vol", 0.9)
        for bits, encoding in FORMS:
            for kind in ("wav", "wavpcm"):
                sox(source, "--comment", "a comment", "-b", bits, "-e", encoding, "-t", kind, path)
                raw = sox(path, "-t", "f32", "-e", "floating-point", "-b", 32, "-")
                print(json.dumps({
                    "name": f"{channels} channels of {bits} bits, {encoding}, as {kind}",
                    "bytes": base64.b64encode(open(path, "rb").read()).decode(),
                    "channels": channels,
                    "sampleRate": 8000,
                    "values": base64.b64encode(raw).decode(),
                }))
    for encoding, error in REFUSED:
        sox("-n", "-r", 8000, "-c", 1, "-e", encoding, "-t", "wav", path, "synth", "400s", "sine", 300)
        print(json.dumps({
            "name": encoding,
            "bytes": base64.b64encode(open(path, "rb").read()).decode(),
            "error": error,
        }))
