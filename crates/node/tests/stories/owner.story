# Priority 255: the address is this host's own (RFC 9568 6.1). What stands there was not put by us: it gets no lifetime, and is not removed, neither
# when it is released nor at the end. What the owner puts itself has no lifetime either, and goes.
config addresses={vip={interface=eth0 held=[10.0.0.50/32 10.0.0.51/32] lifetime=2000ms proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.50 10.0.0.51] priority=255 interval=100ms announce={repeat=1 gap=500ms refresh=0ms}}}}

at 0ms startup left=[] found=[{interface=eth0 address=10.0.0.50/24 lasts=true}] handed-over=false
       > tell address=vip is-bad=false text="10.0.0.50/24 stands on eth0, and was not put there by this node: it is this host's own (priority 255), and stays"
       > will address=vip remove=[[eth0 10.0.0.51/32]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.50 10.0.0.51]}}]
       > put interface=eth0 address=10.0.0.51/32
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=255 interval=100ms addresses=[10.0.0.50 10.0.0.51]}}
       > announce interface=eth0 ips=[10.0.0.50 10.0.0.51]
       > tickle address=vip
       > changed address=vip from=initialize to=active priority=255 why="the addresses are this host's own"
until 150ms
  at 100ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=255 interval=100ms addresses=[10.0.0.50 10.0.0.51]}}
         > tickle address=vip
at 200ms wished address=vip wish=release
       > cut ips=[10.0.0.51]
       > remove interface=eth0 address=10.0.0.51/32
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.50 10.0.0.51]}}
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=fault priority=255 why="this host must not hold the addresses (operator): an operator has released it; `standfast address take` gives it back"
at 300ms found interface=eth0 address=10.0.0.50/24
at 400ms wished address=vip wish=take
       > will address=vip remove=[[eth0 10.0.0.51/32]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.50 10.0.0.51]}}]
       > put interface=eth0 address=10.0.0.51/32
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=255 interval=100ms addresses=[10.0.0.50 10.0.0.51]}}
       > announce interface=eth0 ips=[10.0.0.50 10.0.0.51]
       > tickle address=vip
       > changed address=vip from=fault to=active priority=255 why="the addresses are this host's own"
# Somebody removes it: it is put back, and is ours to remove from then on.
at 500ms gone interface=eth0 address=10.0.0.50/24
       > tell address=vip is-bad=false text="10.0.0.50/32 is gone from eth0, and not by an order of ours; it is put back (1 times since the last line)"
       > will address=vip remove=[[eth0 10.0.0.50/32] [eth0 10.0.0.51/32]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.50 10.0.0.51]}}]
       > put interface=eth0 address=10.0.0.50/32
       > tickle address=vip
at 600ms shutdown
       > cut ips=[10.0.0.50 10.0.0.51]
       > remove interface=eth0 address=10.0.0.50/32
       > remove interface=eth0 address=10.0.0.51/32
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.50 10.0.0.51]}}
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=initialize priority=255 why=stopped
       > ended
