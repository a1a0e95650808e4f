# What leaves in order is withdrawn first, and served until routers lead clients elsewhere: whoever comes meanwhile is not left on a
# connection that nobody answers a moment later. Where the proof fails nobody is served, and where an operator changes his mind nothing leaves.
config addresses={vip={interface=lo held=[192.0.2.100/32] lifetime=1000ms checks=[{name=proxy rule=veto rise=1 fall=1} {name=gateway rule=veto rise=1 fall=1}] proof=proxy proof-age=500ms way=bgp{neighbors={rs={remote=192.0.2.1:179 remote-as=65001 local-as=65002 identifier=10.0.0.1 families=[ipv4 ipv6] hold-time=90 connect-retry=5000ms ttl=hops(1)}} routes={192.0.2.100/32={}} linger=200ms}}}

at 0ms startup left=[] handed-over=false
       > peer address=vip neighbor=rs action=connect{conn=1 to=192.0.2.1:179}
       > peer address=vip neighbor=rs action=state-changed{from=idle to=connect why=started}
at 1ms peer address=vip neighbor=rs event=connected{conn=1 local=192.0.2.2}
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M00330104fdea005a0a000001160214010400010001010400020001020041040000fdea}
       > peer address=vip neighbor=rs action=state-changed{from=connect to=open-sent why=connected}
at 10ms peer address=vip neighbor=rs event=bytes{conn=1 bytes=M003b0104fde9005ac00002011e021c0104000100010104000200010200050600010001000241040000fde9}
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M001304}
       > peer address=vip neighbor=rs action=state-changed{from=open-sent to=open-confirm why=agreed}
at 20ms peer address=vip neighbor=rs event=bytes{conn=1 bytes=M001304}
       > peer address=vip neighbor=rs action=state-changed{from=open-confirm to=established why=confirmed}
at 30ms checked address=vip check=gateway
at 40ms checked address=vip check=proxy
       > will address=vip remove=[[lo 192.0.2.100/32]] say=[]
       > put interface=lo address=192.0.2.100/32 valid=1000ms
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M003002000000144001010240020602010000fdea400304c000020220c0000264}
       > peer address=vip neighbor=rs action=told{announced=1 withdrawn=0}
       > tickle address=vip
       > changed address=vip from=initialize to=active priority=100 why="nothing forbids it to be here"
# An operator releases it. Its lifetime is renewed meanwhile.
at 100ms wished address=vip wish=release
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M001c02000520c00002640000}
       > peer address=vip neighbor=rs action=told{announced=0 withdrawn=1}
at 180ms checked address=vip check=proxy
       > put interface=lo address=192.0.2.100/32 valid=1000ms
       > tickle address=vip
at 280ms checked address=vip check=proxy
at 299ms wake
at 300ms wake
       > cut ips=[192.0.2.100]
       > remove interface=lo address=192.0.2.100/32
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=fault priority=100 why="an operator has released it; `standfast address take` gives it back"
at 400ms wished address=vip wish=take
       > will address=vip remove=[[lo 192.0.2.100/32]] say=[]
       > put interface=lo address=192.0.2.100/32 valid=1000ms
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M003002000000144001010240020602010000fdea400304c000020220c0000264}
       > peer address=vip neighbor=rs action=told{announced=1 withdrawn=0}
       > tickle address=vip
       > changed address=vip from=fault to=active priority=100 why="nothing forbids it to be here"
# He changes his mind.
at 500ms wished address=vip wish=release
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M001c02000520c00002640000}
       > peer address=vip neighbor=rs action=told{announced=0 withdrawn=1}
       > tickle address=vip
at 550ms wished address=vip wish=take
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M003002000000144001010240020602010000fdea400304c000020220c0000264}
       > peer address=vip neighbor=rs action=told{announced=1 withdrawn=0}
at 600ms checked address=vip check=proxy
       > put interface=lo address=192.0.2.100/32 valid=1000ms
at 700ms wake
       > tickle address=vip
# A check beside the proof fails, and then the proof: nobody is served any more.
at 800ms checked address=vip check=gateway failed="no answer"
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M001c02000520c00002640000}
       > peer address=vip neighbor=rs action=told{announced=0 withdrawn=1}
at 850ms checked address=vip check=proxy failed="no answer"
       > cut ips=[192.0.2.100]
       > remove interface=lo address=192.0.2.100/32
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=fault priority=100 why="the check proxy fails; the check gateway fails (no answer)"
at 900ms checked address=vip check=gateway
at 910ms checked address=vip check=proxy
       > will address=vip remove=[[lo 192.0.2.100/32]] say=[]
       > put interface=lo address=192.0.2.100/32 valid=1000ms
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M003002000000144001010240020602010000fdea400304c000020220c0000264}
       > peer address=vip neighbor=rs action=told{announced=1 withdrawn=0}
       > tickle address=vip
       > changed address=vip from=fault to=active priority=100 why="nothing forbids it to be here"
# The proof alone.
at 950ms checked address=vip check=proxy failed="no answer"
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M001c02000520c00002640000}
       > peer address=vip neighbor=rs action=told{announced=0 withdrawn=1}
       > cut ips=[192.0.2.100]
       > remove interface=lo address=192.0.2.100/32
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=fault priority=100 why="the check proxy fails (no answer)"
at 960ms checked address=vip check=proxy
       > will address=vip remove=[[lo 192.0.2.100/32]] say=[]
       > put interface=lo address=192.0.2.100/32 valid=1000ms
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M003002000000144001010240020602010000fdea400304c000020220c0000264}
       > peer address=vip neighbor=rs action=told{announced=1 withdrawn=0}
       > changed address=vip from=fault to=active priority=100 why="nothing forbids it to be here"
# Everything ends: the session when nobody is led here any more.
at 1000ms shutdown
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M001c02000520c00002640000}
       > peer address=vip neighbor=rs action=told{announced=0 withdrawn=1}
at 1100ms checked address=vip check=proxy
       > put interface=lo address=192.0.2.100/32 valid=1000ms
       > tickle address=vip
at 1200ms wake
       > cut ips=[192.0.2.100]
       > remove interface=lo address=192.0.2.100/32
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M001d0306020773746f70706564}
       > peer address=vip neighbor=rs action=close{conn=1}
       > peer address=vip neighbor=rs action=state-changed{from=established to=idle why=stopped(stopped)}
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=initialize priority=100 why=stopped
       > ended
