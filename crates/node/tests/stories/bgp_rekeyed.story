# A session whose password is another one ends at once, and begins anew with the next; nobody else's does. What is announced is announced again.
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
at 100ms rekeyed address=vip neighbor=rs
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M001c02000520c00002640000}
       > peer address=vip neighbor=rs action=told{announced=0 withdrawn=1}
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M002603060210616e6f746865722070617373776f7264}
       > peer address=vip neighbor=rs action=close{conn=1}
       > peer address=vip neighbor=rs action=state-changed{from=established to=idle why=stopped("another password")}
       > peer address=vip neighbor=rs action=connect{conn=2 to=192.0.2.1:179}
       > peer address=vip neighbor=rs action=state-changed{from=idle to=connect why=started}
at 110ms peer address=vip neighbor=rs event=connected{conn=2 local=192.0.2.2}
       > peer address=vip neighbor=rs action=send{conn=2 bytes=M00330104fdea005a0a000001160214010400010001010400020001020041040000fdea}
       > peer address=vip neighbor=rs action=state-changed{from=connect to=open-sent why=connected}
# There is no such neighbour.
at 120ms rekeyed address=vip neighbor=other
