"""What is installed and needs no package to be judged: the unit, the manual pages, the install rules."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BRIDGE = pathlib.Path(os.environ.get("BRIDGE", PROJECT / "build/mdns-mqtt-bridge")).resolve()
UNIT = PROJECT / "deploy/systemd/mdns-mqtt-bridge.service"
PAGES = sorted(PROJECT.glob("deploy/man/*.[1-8]"))
EXPOSURE_MAX = 1.1


def run(*argv, **options):
    """Runs a command to its good end; returns what it printed."""
    got = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, **options)
    assert got.returncode == 0, f"{argv}: {got.returncode}\n{got.stdout}"
    return got.stdout


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"there is no {program} (deploy/packages packaging)")


class Unit(unittest.TestCase):
    @needs("systemd-analyze")
    def test_exposure(self):
        text = run("systemd-analyze", "security", "--offline=yes", "--no-pager", UNIT)
        exposure = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", text)
        self.assertTrue(exposure, text)
        self.assertLessEqual(float(exposure[1]), EXPOSURE_MAX, text)

    @needs("systemd-analyze")
    def test_verify(self):
        """No key that systemd does not know. That no program is installed is no fault of the unit."""
        got = subprocess.run(["systemd-analyze", "verify", "--man=no", UNIT], capture_output=True, text=True)
        problems = [line for line in got.stderr.splitlines() if UNIT.name in line and "is not executable" not in line]
        self.assertEqual(problems, [])

    def test_what_the_port_check_needs(self):
        """Each of these would lower the exposure, and blind the port check without a word."""
        text = UNIT.read_text()
        self.assertNotRegex(text, r"(?m)^Private(Users|Network)=")
        self.assertRegex(text, r"(?m)^RestrictAddressFamilies=.*\bAF_NETLINK\b")

    @unittest.skipUnless(os.getuid() == 0, "only root can give folders to other users")
    @needs("systemd-sysusers")
    def test_users_and_folders(self):
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(root + "/etc")
            pathlib.Path(root, "etc/passwd").write_text("root:x:{0}:{1}::/:/bin/sh\nmosquitto:x:{0}:{1}::/:/bin/sh\n".format(
                os.getuid(), os.getgid()))
            pathlib.Path(root, "etc/group").write_text(f"root:x:{os.getgid()}:\nmosquitto:x:{os.getgid()}:\n")
            run("systemd-sysusers", f"--root={root}", PROJECT / "deploy/sysusers.d/mdns-mqtt-bridge.conf")
            self.assertRegex(pathlib.Path(root, "etc/passwd").read_text(), r"(?m)^mdns-mqtt:x:\d+:\d+:.*:/nonexistent:")
            run("systemd-tmpfiles", f"--root={root}", "--create",
                PROJECT / "deploy/tmpfiles.d/mdns-mqtt-broker.conf")
            self.assertEqual(os.stat(root + "/run/mdns-mqtt").st_mode & 0o7777, 0o751)


class Manual(unittest.TestCase):
    def page(self, name):
        return (PROJECT / "deploy/man" / name).read_text()

    def test_options(self):
        """The page has the options of --help, and no other."""
        known = re.findall(r"(?m)^  --([a-z-]+)", run(BRIDGE, "--help"))
        page = self.page("mdns-mqtt-bridge.8")
        self.assertCountEqual(re.findall(r"(?m)^\.It Fl \\-([a-z-]+)", page), known)
        synopsis = page[page.index(".Sh SYNOPSIS"):page.index(".Sh DESCRIPTION")]
        self.assertCountEqual(re.findall(r"Fl \\-([a-z-]+)", synopsis), known)

    def test_keys(self):
        """The page has the sections, keys and defaults of --dump-config, and no other."""
        config = run(BRIDGE, "--dump-config", "--config", "/dev/null")
        page = self.page("mdns-mqtt-bridge.conf.5")
        body = page[:page.index(".Sh FILES")]
        said = re.findall(r"(?m)^\.(?:Ss (\[\w+\])|It Ic (\S+) No =(?: Li (.*))?)$", body)
        self.assertEqual([section or f"{key} ={' ' * bool(value)}{value}" for section, key, value in said],
                         [line.rstrip() for line in config.splitlines() if line])

    def test_exit_codes(self):
        codes = re.search(r"(?m)^Exit codes: (.*)\.$", run(BRIDGE, "--help"))[1]
        page = self.page("mdns-mqtt-bridge.8")
        status = page[page.index(".Sh EXIT STATUS"):page.index(".Sh EXAMPLES")]
        self.assertEqual(re.findall(r"(?m)^\.It (\d+)", status), sorted(re.findall(r"\d+", codes), key=int))

    @needs("mandoc")
    def test_mandoc(self):
        for page in PAGES:
            run("mandoc", "-Tlint", "-Wwarning", page)

    @needs("man")
    def test_groff(self):
        for page in PAGES:
            got = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""})
            self.assertEqual(got.stderr, "")


class Install(unittest.TestCase):
    """cmake --install into a folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def install(self, *options):
        """Configures anew, without compiling: the programs are empty files."""
        build = self.folder / "build"
        run("cmake", "-S", PROJECT, "-B", build, "-DBRIDGE_TESTS=OFF", *options)
        for program in ("mdns-mqtt-bridge", "mdns-mqtt"):
            (build / program).touch()
        self.again = lambda: run("cmake", "--install", build, env={**os.environ, "DESTDIR": str(self.folder / "root")})
        self.again()
        root = self.folder / "root"
        return root, {"/" + str(f.relative_to(root)) for f in root.rglob("*") if f.is_file()}

    def test_usr(self):
        root, files = self.install("-DCMAKE_INSTALL_PREFIX=/usr", "-DSYSTEMD_UNIT_DIR=/usr/lib/systemd/system")
        self.assertLessEqual({
            "/etc/mdns-mqtt-bridge/bridge.conf", "/usr/sbin/mdns-mqtt-bridge",
            "/usr/lib/systemd/system/mdns-mqtt-bridge.service", "/usr/lib/sysusers.d/mdns-mqtt-bridge.conf",
            "/usr/lib/tmpfiles.d/mdns-mqtt-broker.conf", "/usr/share/man/man8/mdns-mqtt-bridge.8",
            "/usr/share/man/man5/mdns-mqtt-bridge.conf.5", "/usr/share/doc/mdns-mqtt-bridge/README.md"}, files)
        self.assertEqual([f for f in files if not f.startswith(("/usr/", "/etc/mdns-mqtt-bridge/"))], [])
        config = root / "etc/mdns-mqtt-bridge/bridge.conf"
        config.write_text("mine")
        self.again()
        self.assertEqual(config.read_text(), "mine")

    def test_grant(self):
        """What grant writes is installed with it, for another machine's tree, too, and for a Mosquitto there."""
        root, _ = self.install()
        for shared in (False, True):
            tree = self.folder / f"tree-{shared}"
            for folder in ("etc/mosquitto/conf.d", "lib/systemd/system"):
                (tree / folder).mkdir(parents=True)
            (tree / "etc/passwd").write_text("device:x:1234:1234::/home/device:/bin/sh\n")
            share = root / "usr/local/share/mdns-mqtt-bridge"
            expected = {"/etc/mdns-mqtt-broker/bridge.acl", "/etc/tmpfiles.d/mdns-mqtt-broker.conf"}
            if shared:
                shutil.copy(share / "mosquitto/existing.conf", tree / "etc/mosquitto/conf.d/00-mdns-mqtt.conf")
                expected |= {"/etc/mdns-mqtt-broker/local.acl",
                             "/etc/systemd/system/mosquitto.service.d/mdns-mqtt.conf"}
            else:
                expected.add("/etc/mdns-mqtt-broker/mosquitto.conf")
            run(share / "grant", "device", "advertise", "--root", tree)
            written = {"/" + str(f.relative_to(tree)) for f in tree.rglob("*") if f.is_file()}
            self.assertEqual({f for f in written if "device" not in f and "00-" not in f} - {"/etc/passwd"}, expected)

    def test_usr_local(self):
        """The unit names the program where it is."""
        root, files = self.install()
        self.assertIn("/usr/local/sbin/mdns-mqtt-bridge", files)
        unit = (root / "usr/local/lib/systemd/system" / UNIT.name).read_text()
        self.assertIn("ExecStart=/usr/local/sbin/mdns-mqtt-bridge\n", unit)
        self.assertIn("/etc/mdns-mqtt-bridge/bridge.conf", files)


if __name__ == "__main__":
    test = unittest.main(verbosity=2, exit=False)
    for _, reason in test.result.skipped:
        print("SKIPPED:", reason)
    sys.exit(not test.result.wasSuccessful())
