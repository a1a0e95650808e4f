# With BGP the session is kept up all the time; the route follows the address: after it comes, before it goes.
config addresses={vip={interface=lo held=[192.0.2.100/32] follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=bgp{neighbors={rs={remote=192.0.2.1:179 remote-as=65001 local-as=65002 identifier=10.0.0.1 families=[ipv4 ipv6] hold-time=90 connect-retry=5000ms ttl=hops(1)}} routes={192.0.2.100/32={}}}}}

at 0ms startup left=[] handed-over=false
       > peer address=vip neighbor=rs action=connect{conn=1 to=192.0.2.1:179}
       > peer address=vip neighbor=rs action=state-changed{from=idle to=connect why=started}
       > changed address=vip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
at 1ms peer address=vip neighbor=rs event=connected{conn=1 local=192.0.2.2}
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M00330104fdea005a0a000001160214010400010001010400020001020041040000fdea}
       > peer address=vip neighbor=rs action=state-changed{from=connect to=open-sent why=connected}
at 10ms peer address=vip neighbor=rs event=bytes{conn=1 bytes=M003b0104fde9005ac00002011e021c0104000100010104000200010200050600010001000241040000fde9}
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M001304}
       > peer address=vip neighbor=rs action=state-changed{from=open-sent to=open-confirm why=agreed}
at 20ms peer address=vip neighbor=rs event=bytes{conn=1 bytes=M001304}
       > peer address=vip neighbor=rs action=state-changed{from=open-confirm to=established why=confirmed}
at 30ms peer address=vip neighbor=nobody event=closed{conn=1}
at 100ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[]}
       > will address=vip remove=[[lo 192.0.2.100/32]] say=[]
       > put interface=lo address=192.0.2.100/32
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M003002000000144001010240020602010000fdea400304c000020220c0000264}
       > peer address=vip neighbor=rs action=told{announced=1 withdrawn=0}
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
at 110ms link interface=lo fault="whatever"
at 200ms viewed view={group=cache epoch=1 phase=switching master=10.0.0.1:6379 replicas=[]}
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M001c02000520c00002640000}
       > peer address=vip neighbor=rs action=told{announced=0 withdrawn=1}
       > cut ips=[192.0.2.100]
       > remove interface=lo address=192.0.2.100/32
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=backup priority=100 why="the master of cache is being replaced (`standfast status` tells more); the last agreed one was 10.0.0.1:6379"
at 300ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[]}
       > will address=vip remove=[[lo 192.0.2.100/32]] say=[]
       > put interface=lo address=192.0.2.100/32
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M003002000000144001010240020602010000fdea400304c000020220c0000264}
       > peer address=vip neighbor=rs action=told{announced=1 withdrawn=0}
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
at 400ms configured config={addresses={vip={interface=lo held=[192.0.2.100/32] follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=bgp{neighbors={rs={remote=192.0.2.1:179 remote-as=65001 local-as=65002 identifier=10.0.0.1 families=[ipv4 ipv6] hold-time=30 connect-retry=5000ms ttl=hops(1)}} routes={192.0.2.100/32={}}}}}}
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M001c02000520c00002640000}
       > peer address=vip neighbor=rs action=told{announced=0 withdrawn=1}
       > peer address=vip neighbor=rs action=send{conn=1 bytes=M002a03060214636f6e66696775726564206f7468657277697365}
       > peer address=vip neighbor=rs action=close{conn=1}
       > peer address=vip neighbor=rs action=state-changed{from=established to=idle why=stopped("configured otherwise")}
       > peer address=vip neighbor=rs action=connect{conn=2 to=192.0.2.1:179}
       > peer address=vip neighbor=rs action=state-changed{from=idle to=connect why=started}
       > tickle address=vip
at 500ms peer address=vip neighbor=rs event=closed{conn=1}
at 510ms peer address=vip neighbor=rs event=connected{conn=2 local=192.0.2.2}
       > peer address=vip neighbor=rs action=send{conn=2 bytes=M00330104fdea001e0a000001160214010400010001010400020001020041040000fdea}
       > peer address=vip neighbor=rs action=state-changed{from=connect to=open-sent why=connected}
at 600ms shutdown
       > cut ips=[192.0.2.100]
       > remove interface=lo address=192.0.2.100/32
       > peer address=vip neighbor=rs action=send{conn=2 bytes=M001d0306020773746f70706564}
       > peer address=vip neighbor=rs action=close{conn=2}
       > peer address=vip neighbor=rs action=state-changed{from=open-sent to=idle why=stopped(stopped)}
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=initialize priority=100 why=stopped
       > ended
