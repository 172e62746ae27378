"""What may be called and what may not: the rules, without a socket."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.outbound import AddressRefused, OutboundClient, OutboundFailed, check_address, parse_target


def words(text: str) -> list[str]:
    return text.split()


REFUSED_ADDRESSES = words(
    """
    0.0.0.0 0.0.0.1 0.255.255.255 10.0.0.0 10.0.0.1 10.255.255.255 100.64.0.0 100.64.0.1
    100.100.100.200 100.127.255.255 127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.255 168.63.129.16
    169.254.0.1 169.254.169.254 169.254.170.2 169.254.255.255 172.16.0.1 172.17.0.1 172.20.10.1
    172.31.255.255 192.0.0.1 192.0.0.170 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.1.1
    192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 224.0.0.251
    239.255.255.250 240.0.0.1 250.1.2.3 255.255.255.254 255.255.255.255 :: ::1 ::2 ::127.0.0.1
    ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:192.168.1.1
    ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::808:808
    64:ff9b:1::1 64:ff9b:1::7f00:1 100::1 100:0:0:1::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2
    2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2001:db8:ffff::1 2002:7f00:1::1 2002:a00:1::1
    2002:c0a8:101::1 2002:a9fe:a9fe::1 2002:808:808::1 3fff::1 3fff:fff::1 5f00::1 fc00::1 fd00::1
    fd00:ec2::254 fdff:ffff::1 fe80::1 fe80::ffff:1 febf::1 fec0::1 feff::1 ff00::1 ff02::1 ff02::fb
    ff05::2 ff0e::1 4000::1 8000::1 f000::1 192.0.0.8 192.0.0.9 198.51.100.255 64:ff9b::c0a8:101
    ::a9fe:a9fe
    """
)

PUBLIC_ADDRESSES = words(
    """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 93.184.215.14 100.63.255.255 100.128.0.1 126.255.255.255
    128.0.0.1 169.253.255.255 169.255.0.1 172.15.255.255 172.32.0.1 192.0.1.1 192.167.255.255
    192.169.0.1 198.17.255.255 198.20.0.1 223.255.255.255 2001:200::1 2001:4860:4860::8888
    2400:cb00::1 2606:4700:4700::1111 2a00:1450:4001::1 2003::1
    """
)

REFUSED_URLS = [
    "",
    "example.com",
    "//example.com/",
    "/wp-json/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/stat",
    "ldap://127.0.0.1/",
    "jar:http://example.com!/",
    "javascript:alert(1)",
    "data:text/html,x",
    "http:",
    "http://",
    "http:///etc",
    "http://?x",
    "http://#x",
    "http://.",
    "http://..",
    "http://example..com/",
    "http://.example.com/",
    "http://-example.com/",
    "http://example-.com/",
    "http://user@example.com/",
    "http://user:pass@example.com/",
    "http://:@example.com/",
    "http://@example.com/",
    "http://example.com@127.0.0.1/",
    "http://example.com%40127.0.0.1/",
    "http://1.1.1.1 &@2.2.2.2# @3.3.3.3/",
    "http://example.com\\@127.0.0.1/",
    "http://example.com\\.evil.test/",
    "http:\\\\127.0.0.1\\",
    "http://exa mple.com/",
    " http://example.com/",
    "http://example.com/ ",
    "http://example.com/a b",
    "http://example.com/\r\nHost: 127.0.0.1",
    "http://example.com/\n",
    "http://example.com/\t",
    "http://example.com\x00.evil.test/",
    "http://exa\tmple.com/",
    "http://example.com/\x7f",
    "http://example.com/\x85",
    "http://example.com\xa0/",
    "http://example.com:0/",
    "http://example.com:/",
    "http://example.com:99999/",
    "http://example.com:-1/",
    "http://example.com:80a/",
    "http://example.com:\uff18\uff10/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.0.0.01/",
    "http://127.0.0.0x1/",
    "http://127.0.0.1.5/",
    "http://256.256.256.256/",
    "http://1.2.3/",
    "http://0/",
    "http://0x/",
    "http://example.0x7f/",
    "http://example.1/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]x/",
    "http://[::ffff:127.0.0.1",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[v1.fe80::a]/",
    "http://[127.0.0.1]/",
    "http://[]/",
    "http://[::g]/",
    "http://exa%6dple.com/",
    "http://127.0.0.1%00.example.com/",
    "http://example.com,127.0.0.1/",
    "http://example.com;127.0.0.1/",
    "http://a'b.example.com/",
    "http://<script>/",
    "http://\u2028example.com/",
    "http://\U0001f4a9\u200d.example.com/",
    "http://exa\u00admple\u0000.com/",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 127 + "com/",
    "http://example.com/" + "x" * 8_192,
]

# What a resolver never sees, because the host is an address in some costume. (URL, the address behind it.)
ADDRESS_COSTUMES = [
    ("http://127.0.0.1/", "127.0.0.1"),
    ("http://127.0.0.1./", "127.0.0.1"),
    ("http://127.0.0.1:80/", "127.0.0.1"),
    ("HTTP://127.0.0.1/", "127.0.0.1"),
    ("http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", "127.0.0.1"),
    ("http://127。0。0。1/", "127.0.0.1"),
    ("http://①②⑦.⓪.⓪.①/", "127.0.0.1"),
    ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
    ("http://[::1]/", "::1"),
    ("http://[0:0:0:0:0:0:0:1]/", "::1"),
    ("http://[::]/", "::"),
    ("http://[::ffff:7f00:1]/", "::ffff:7f00:1"),
    ("http://[::ffff:169.254.169.254]/", "::ffff:a9fe:a9fe"),
    ("https://[64:ff9b::10.0.0.1]/", "64:ff9b::a00:1"),
    ("https://[2002:7f00:1::]/", "2002:7f00:1::"),
    ("https://[FD00::1]/", "fd00::1"),
]

CORPUS = len(REFUSED_ADDRESSES) + len(REFUSED_URLS) + len(ADDRESS_COSTUMES)


class TestCheckAddress:
    @pytest.mark.parametrize("address", REFUSED_ADDRESSES)
    def test_refuses_what_is_not_public(self, address: str) -> None:
        with pytest.raises(AddressRefused):
            check_address(ipaddress.ip_address(address), 443, allow_loopback=False)

    @pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
    def test_lets_public_addresses_pass(self, address: str) -> None:
        check_address(ipaddress.ip_address(address), 443, allow_loopback=False)

    @pytest.mark.parametrize("port", [1, 22, 25, 79, 81, 442, 444, 3306, 5432, 6379, 8080, 8443, 65535])
    @pytest.mark.parametrize("allow_loopback", [False, True])
    def test_refuses_every_other_port_of_a_public_address(self, port: int, allow_loopback: bool) -> None:
        with pytest.raises(AddressRefused, match="Port"):
            check_address(ipaddress.ip_address("1.1.1.1"), port, allow_loopback=allow_loopback)

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
    def test_the_development_setting_opens_loopback_on_any_port(self, address: str) -> None:
        check_address(ipaddress.ip_address(address), 8_080, allow_loopback=True)

    @pytest.mark.parametrize("address", [a for a in REFUSED_ADDRESSES if not a.startswith("127.") and a != "::1"])
    def test_the_development_setting_opens_nothing_else(self, address: str) -> None:
        with pytest.raises(AddressRefused):
            check_address(ipaddress.ip_address(address), 443, allow_loopback=True)

    @given(st.ip_addresses())
    def test_never_disagrees_with_python_about_private_addresses(
        self, address: ipaddress.IPv4Address | ipaddress.IPv6Address
    ) -> None:
        if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
            with pytest.raises(AddressRefused):
                check_address(address, 443, allow_loopback=False)


class TestParseTarget:
    @pytest.mark.parametrize("url", REFUSED_URLS)
    def test_refuses_what_parsers_may_read_differently(self, url: str) -> None:
        with pytest.raises(AddressRefused):
            parse_target(url)

    @pytest.mark.parametrize(("url", "address"), ADDRESS_COSTUMES)
    def test_sees_the_address_in_its_costume(self, url: str, address: str) -> None:
        target = parse_target(url)
        literal = target.literal
        assert literal == ipaddress.ip_address(address)
        with pytest.raises(AddressRefused):
            check_address(literal, target.port, allow_loopback=False)

    @pytest.mark.parametrize(
        ("url", "scheme", "host", "port", "path"),
        [
            ("http://example.com", "http", "example.com", 80, "/"),
            ("https://Example.COM/Blog/?a=b&c=%20#frag", "https", "example.com", 443, "/Blog/?a=b&c=%20"),
            ("https://example.com./x", "https", "example.com", 443, "/x"),
            ("http://example.com:443/", "http", "example.com", 443, "/"),
            ("https://bücher.example/ü?q=ü", "https", "xn--bcher-kva.example", 443, "/%C3%BC?q=%C3%BC"),
            ("https://xn--bcher-kva.example/", "https", "xn--bcher-kva.example", 443, "/"),
            ("https://my_shop.example.com/", "https", "my_shop.example.com", 443, "/"),
            ("https://[2606:4700:4700::1111]/", "https", "2606:4700:4700::1111", 443, "/"),
            (
                "https://example.com/?rest_route=/wp/v2/posts",
                "https",
                "example.com",
                443,
                "/?rest_route=/wp/v2/posts",
            ),
        ],
    )
    def test_takes_usual_urls_apart(self, url: str, scheme: str, host: str, port: int, path: str) -> None:
        target = parse_target(url)
        assert (target.scheme, target.host, target.port, target.path) == (scheme, host, port, path)

    @given(st.text(max_size=60))
    def test_any_text_after_the_scheme_is_refused_or_has_a_clean_host_and_path(self, text: str) -> None:
        try:
            target = parse_target("http://" + text)
        except AddressRefused:
            return
        assert target.literal or set(target.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
        assert target.path.isascii()
        assert not set(target.path) & set(" \r\n\t\\#")


class TestRequest:
    @pytest.mark.parametrize(("url", "_address"), ADDRESS_COSTUMES)
    def test_refuses_before_any_socket_is_opened(self, url: str, _address: str) -> None:
        with pytest.raises(AddressRefused):
            OutboundClient(timeout_s=1).request("GET", url)

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-A": "b\r\nX-C: d"},
            {"X-A": "b\nX-C: d"},
            {"X-A\r\nX-B": "c"},
            {"X A": "b"},
            {"X-A": "\x00"},
            {"X-A": "ü"},
            {"Host": "127.0.0.1"},
            {"Content-Length": "0"},
            {"transfer-encoding": "chunked"},
        ],
    )
    def test_refuses_headers_that_could_smuggle(self, headers: dict[str, str]) -> None:
        with pytest.raises(OutboundFailed) as caught:
            OutboundClient(timeout_s=1).request("GET", "https://example.com/", headers=headers)
        assert caught.value.reason == "bad_header"

    def test_takes_one_body_only(self) -> None:
        with pytest.raises(TypeError):
            OutboundClient().request("POST", "https://example.com/", json={}, data=b"")


def test_the_corpus_is_as_large_as_promised() -> None:
    assert CORPUS >= 200
    assert len(set(REFUSED_ADDRESSES)) == len(REFUSED_ADDRESSES)
    assert len(set(REFUSED_URLS)) == len(REFUSED_URLS)
