"""From what was measured to the table."""
import statistics

MB = 1e6  # goals are in these


def spread(values, scale, digits):
    """median (min..max)"""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle * scale:.{digits}f} ({low * scale:.{digits}f}..{high * scale:.{digits}f})"


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def verdict(met):
    return "met" if met else "MISSED"


class Table:
    HEAD = ("measure", "ours: median (min..max)", "public program", "ratio", "goal", "")

    def __init__(self):
        self.rows = []

    def add(self, measure, ours, public="", ratio="", goal="", result=""):
        self.rows.append((measure, ours, public, ratio, goal, result))

    def __str__(self):
        rows = [self.HEAD, *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.HEAD))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def part(rounds, who):
    return statistics.median(r["cpu"][who] for r in rounds)


def total(rounds):
    return statistics.median(sum(r["cpu"].values()) for r in rounds)


def add_discovery(table, results, options):
    for way, by in results.items():
        def of(who, key):
            return [r[key] for r in by[who]]
        public = statistics.median(of("public", "end"))
        ratio = statistics.median(of("bridge", "both")) / public
        what = f"(a) {options['services']} services {way}"
        table.add(f"{what}: last record with both protocols, s", spread(of("bridge", "both"), 1, 2),
                  spread(of("public", "end"), 1, 2), f"{ratio:.2f}", "<= 0.70", verdict(ratio <= 0.7))
        first = statistics.median(of("bridge", "first"))
        table.add("    last first record, s", spread(of("bridge", "first"), 1, 2), "", f"{first / public:.2f}")
        table.add("    state record online, s", spread(of("bridge", "online"), 1, 2), "",
                  f"{statistics.median(of('bridge', 'online')) / public:.2f}")
        table.add("    last line = of avahi-browse, s", "", spread(of("public", "last"), 1, 2))
        table.add("    naive bridge: last message, s", "", spread(of("naive", "last"), 1, 2))
        # Two cores do all of it: where these sums fill them, the program that is measured is not the limit.
        table.add("    processor time meanwhile, s: all", f"{total(by['bridge']):.2f}", f"{total(by['public']):.2f}")
        for who in by["bridge"][0]["cpu"]:
            there = f"{part(by['public'], who):.2f}" if who in by["public"][0]["cpu"] else ""
            table.add(f"        of this {who}", f"{part(by['bridge'], who):.2f}", there)
        missing = sum(of("public", "missing"))
        if missing:
            table.add(f"    sightings that avahi-browse missed in {len(by['public'])} rounds", "", str(missing))


def add_latency(table, results, options):
    by = {who: [d for r in rounds for d in r["difference"]] for who, rounds in results.items()}
    medians = [statistics.median(r["difference"]) for r in results["bridge"]]
    middle = statistics.median(by["bridge"])
    table.add(f"(b) record after line of avahi-browse, ms; {len(by['bridge'])} appearances",
              f"{middle * 1e3:.2f} (rounds {min(medians) * 1e3:.2f}..{max(medians) * 1e3:.2f})",
              "0 by definition", "", "<= 0.50", verdict(middle <= 0.0005))
    points = (5, 25, 75, 95, 99)
    for who, values in by.items():
        table.add(f"    {who}: percentiles {', '.join(map(str, points))}, ms",
                  " ".join(f"{percentile(values, p) * 1e3:.2f}" for p in points))
    table.add("    naive bridge, ms", "", f"{statistics.median(by['naive']) * 1e3:.2f}")
    both = [d for r in results["bridge"] for d in r["both"]]
    table.add("    second protocol: record after its line, ms", spread(both, 1e3, 1))


def slope(points):
    """Least squares through [(x, y)]."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    middle_x, middle_y = statistics.fmean(xs), statistics.fmean(ys)
    return (sum((x - middle_x) * (y - middle_y) for x, y in points)
            / sum((x - middle_x) ** 2 for x in xs))


def add_memory(table, results, options):
    def middle(rounds, key):
        return statistics.median(r[key] for r in rounds)
    services = str(options["services"])
    for key, goal in (("rss", 6.0), ("pss", None), ("private", None), ("peak", None)):
        ours = [r[key] for r in results["bridge"][services]]
        public, naive = middle(results["public"], key), middle(results["naive"], key)
        name = "(c) resident with" if key == "rss" else f"    {key} with"
        table.add(f"{name} {services} services, MB", spread(ours, 1 / MB, 2), f"{public / MB:.2f}",
                  f"{statistics.median(ours) / public:.2f}", f"<= {goal}" if goal else "",
                  verdict(statistics.median(ours) <= goal * MB) if goal else "")
        table.add(f"    the same, naive bridge", "", f"{naive / MB:.2f}")
    for key, goal in (("rss", 1.5), ("private", None)):
        sizes = {int(size): middle(rounds, key) for size, rounds in results["bridge"].items()}
        growth = slope(list(sizes.items())) / 1000
        table.add(f"    {key} with " + ", ".join(map(str, sizes)) + ", MB",
                  " ".join(f"{value / MB:.2f}" for value in sizes.values()))
        table.add(f"    {key}: growth a service, kB", f"{growth:.2f}", "", "",
                  f"<= {goal}" if goal else "", verdict(growth <= goal) if goal else "")
    (few, cheap), (many, dear) = sorted(((int(k), v) for k, v in results["cost"].items()))
    ratio = statistics.median(dear) / statistics.median(cheap)
    table.add(f"    processor time of a change, {few} services, us", spread(cheap, 1e6, 0))
    table.add(f"    processor time of a change, {many} services, us", spread(dear, 1e6, 0),
              "", f"{ratio:.2f}", "<= 1.25", verdict(ratio <= 1.25))


def add_advertise(table, results, options):
    for key, what, goal in (("there", "(d) a program is on the LAN after its start, s", None),
                            ("ended", "    and gone after SIGTERM, s", 2.0),
                            ("killed", "    and gone after SIGKILL, s", 2.0)):
        by = {who: [value for r in rounds for value in r[key]] for who, rounds in results.items()}
        middle, public = statistics.median(by["bridge"]), statistics.median(by["public"])
        table.add(what, spread(by["bridge"], 1, 2), spread(by["public"], 1, 2), f"{middle / public:.2f}",
                  f"<= {goal}" if goal else "", verdict(middle <= goal) if goal else "")


ADD = {"discovery": add_discovery, "latency": add_latency, "memory": add_memory, "advertise": add_advertise}
