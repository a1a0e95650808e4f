# The process stood still, and its guard has taken the addresses off. Nothing is put by what was true before: the router looks at the clock first,
# and a view is waited for a moment longer, because the master may have moved in the meantime.
config addresses={router={interface=eth0 held=[10.0.0.101/24] lifetime=1000ms proof-age=500ms way=vrrp{version=v3 vrid=8 primary=10.0.0.1 addresses=[10.0.0.101] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}} vip={interface=eth0 held=[10.0.0.100/24] lifetime=1000ms follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
       > changed address=vip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
       > changed address=router from=initialize to=backup priority=100 why=started
at 10ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[]}
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24 valid=1000ms
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
until 1000ms
  at 110ms wake
         > tickle address=vip
  at 260ms wake
         > put interface=eth0 address=10.0.0.100/24 valid=1000ms
  at 310ms wake
         > tickle address=vip
  at 360.9375ms wake
         > will address=router remove=[[eth0 10.0.0.101/24]] say=[send{to=224.0.0.18 advert={vrid=8 priority=0 interval=100ms addresses=[10.0.0.101]}}]
         > put interface=eth0 address=10.0.0.101/24 valid=1000ms
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.0.0.101]}}
         > tickle address=router
         > changed address=router from=backup to=active priority=100 why="nobody was heard to hold the addresses for 360.9375ms"
  at 460.9375ms wake
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.0.0.101]}}
         > tickle address=router
  at 510ms wake
         > put interface=eth0 address=10.0.0.100/24 valid=1000ms
  at 560.9375ms wake
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.0.0.101]}}
  at 610ms wake
         > tickle address=vip
  at 610.9375ms wake
         > put interface=eth0 address=10.0.0.101/24 valid=1000ms
  at 660.9375ms wake
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.0.0.101]}}
         > tickle address=router
  at 760ms wake
         > put interface=eth0 address=10.0.0.100/24 valid=1000ms
  at 760.9375ms wake
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.0.0.101]}}
  at 860.9375ms wake
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.0.0.101]}}
         > put interface=eth0 address=10.0.0.101/24 valid=1000ms
  at 960.9375ms wake
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.0.0.101]}}
         > tickle address=router
at 1900ms wake
       > cut ips=[10.0.0.101]
       > remove interface=eth0 address=10.0.0.101/24
       > will address=router remove=[] say=[]
       > tickle address=vip
       > changed address=router from=active to=backup priority=100 why="this host stood still for 939.0625ms: others have taken over by then"
at 1901ms gone interface=eth0 address=10.0.0.101/24
at 1902ms gone interface=eth0 address=10.0.0.100/24
until 2300ms
  at 2010ms wake
         > tickle address=vip
  at 2160.9375ms wake
         > will address=router remove=[[eth0 10.0.0.101/24]] say=[send{to=224.0.0.18 advert={vrid=8 priority=0 interval=100ms addresses=[10.0.0.101]}}]
         > put interface=eth0 address=10.0.0.101/24 valid=1000ms
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.0.0.101]}}
         > tickle address=router
         > changed address=router from=backup to=active priority=100 why="nobody was heard to hold the addresses for 260.9375ms"
  at 2200ms wake
         > put interface=eth0 address=10.0.0.100/24 valid=1000ms
  at 2260.9375ms wake
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.0.0.101]}}
         > tickle address=router
# Once more; this time what has come is read first, and it is that the master has moved.
at 3300ms gone interface=eth0 address=10.0.0.101/24
       > cut ips=[10.0.0.101]
       > remove interface=eth0 address=10.0.0.101/24
       > will address=router remove=[] say=[]
       > changed address=router from=active to=backup priority=100 why="this host stood still for 1.0390625s: others have taken over by then"
at 3300ms gone interface=eth0 address=10.0.0.100/24
at 3301ms viewed view={group=cache epoch=2 phase=steady master=10.0.0.2:6379 replicas=[]}
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=backup priority=100 why="the agreed master of cache is 10.0.0.2:6379, which is not on this host"
until 3400ms
