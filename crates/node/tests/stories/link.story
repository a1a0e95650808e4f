# An interface that loses its carrier takes its addresses with it, whatever the way; the loopback has none to lose.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}} router={interface=eth0 held=[10.0.0.101/24] proof-age=500ms way=vrrp{version=v3 vrid=8 primary=10.0.0.1 addresses=[10.0.0.101] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
       > changed address=vip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
       > changed address=router from=initialize to=backup priority=100 why=started
at 10ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[]}
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
until 400ms
  at 110ms wake
         > tickle address=vip
  at 310ms wake
         > tickle address=vip
  at 360.9375ms wake
         > will address=router remove=[[eth0 10.0.0.101/24]] say=[send{to=224.0.0.18 advert={vrid=8 priority=0 interval=100ms addresses=[10.0.0.101]}}]
         > put interface=eth0 address=10.0.0.101/24
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.0.0.101]}}
         > tickle address=router
         > changed address=router from=backup to=active priority=100 why="nobody was heard to hold the addresses for 360.9375ms"
at 500ms link interface=eth0 fault="no carrier"
       > cut ips=[10.0.0.101]
       > remove interface=eth0 address=10.0.0.101/24
       > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=0 interval=100ms addresses=[10.0.0.101]}}
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > will address=router remove=[] say=[]
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=fault priority=100 why="the interface eth0: no carrier"
       > changed address=router from=active to=fault priority=100 why="this host must not hold the addresses (link): the interface eth0: no carrier"
at 510ms gone interface=eth0 address=10.0.0.100/24
until 1000ms
at 1000ms link interface=eth0
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24
       > tickle address=vip
       > changed address=vip from=fault to=active priority=100 why="the agreed master of cache is on this host"
       > changed address=router from=fault to=backup priority=100 why="nothing forbids this host to hold the addresses any more"
until 1400ms
  at 1100ms wake
         > tickle address=vip
  at 1300ms wake
         > tickle address=vip
  at 1360.9375ms wake
         > will address=router remove=[[eth0 10.0.0.101/24]] say=[send{to=224.0.0.18 advert={vrid=8 priority=0 interval=100ms addresses=[10.0.0.101]}}]
         > put interface=eth0 address=10.0.0.101/24
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.0.0.101]}}
         > tickle address=router
         > changed address=router from=backup to=active priority=100 why="nobody was heard to hold the addresses for 360.9375ms"
