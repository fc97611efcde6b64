import json, re, sys, time
end = time.time() + float(sys.argv[1])
data = {"list": [{"name": "n%d" % i, "value": i * 1.5, "nested": {"a": [1, 2, 3], "b": "text " * 5}} for i in range(50)]}
pattern = re.compile(r"(\w+)\s+(\d+)?")
total = 0
while time.time() < end:
    text = json.dumps(data, indent=1)
    total += len(json.loads(text)["list"]) + sum(1 for _ in pattern.finditer(text))
